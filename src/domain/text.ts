import { type Fault, invalid, pointer } from './errors.ts';

// Which text can be kept. PostgreSQL takes no NUL, no half of a surrogate pair in JSON, and no JSON that nests some thousands
// deep: a statement that brings one fails however often it is repeated. So each door checks all it is given, whatever a schema
// says of it.

/** Whether a text is well-formed Unicode without NUL. */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/** Nothing that means anything here nests deeper. */
const DEEPEST = 100;

const ILL_FORMED = 'must hold neither a NUL nor half a surrogate pair';
const TOO_DEEP = `must not nest more than ${DEEPEST} deep`;

/** A place in a JSON value, and the one around it. */
interface Place {
  value: unknown;
  name: string;
  around: Place | null;
  depth: number;
}

type Name = (path: string[]) => string;

/**
 * The first thing in a JSON value that can't be kept, or null. Where a member's name can't be, the pointer is that of its
 * object, for nobody could follow one with such a name. It walks without recursion: a body may nest 32,000 deep.
 */
export function storageFault(value: unknown, name: Name = pointer): Fault | null {
  const ahead: Place[] = [{ value, name: '', around: null, depth: 0 }];
  for (let place = ahead.pop(); place; place = ahead.pop()) {
    const { value: here, depth } = place;
    if (typeof here === 'string' && !isStorable(here))
      return { pointer: name(pathTo(place)), detail: ILL_FORMED };
    if (typeof here !== 'object' || here === null) continue;
    if (depth === DEEPEST) return { pointer: name(pathTo(place)), detail: TOO_DEEP };
    const members = Object.entries(here);
    if (!members.every(([member]) => isStorable(member)))
      return { pointer: name(pathTo(place)), detail: ILL_FORMED };
    for (const [member, below] of members.reverse())
      ahead.push({ value: below, name: member, around: place, depth: depth + 1 });
  }
  return null;
}

function pathTo(place: Place): string[] {
  const path: string[] = [];
  for (let at = place; at.around !== null; at = at.around) path.unshift(at.name);
  return path;
}

/** Throws that fault as `invalid_request`. */
export function requireStorable(value: unknown, name: Name = pointer): void {
  const fault = storageFault(value, name);
  if (fault !== null) throw invalid(fault);
}

/** The first `most` UTF-16 units of a text, or one less where they would end in half a surrogate pair. */
export const cut = (text: string, most: number): string =>
  text.slice(0, (text.codePointAt(most - 1) ?? 0) > 0xffff ? most - 1 : most);
