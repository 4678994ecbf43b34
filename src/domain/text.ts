import { type Fault, invalid, pointer } from './errors.ts';

// The texts that PostgreSQL can store. It takes no NUL, no half of a surrogate pair in JSON, and no JSON nested some
// thousands deep: a statement that brings one fails at every repeat. So each entrance checks all of its input, also members
// that a schema allows.

/** Whether a text is well-formed Unicode without NUL. */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/** No valid input nests deeper. */
const DEEPEST = 100;

const ILL_FORMED = 'must hold neither a NUL nor half a surrogate pair';
const TOO_DEEP = `must not nest more than ${DEEPEST} deep`;

/** A place in a JSON value, and the place around it. */
interface Place {
  value: unknown;
  name: string;
  around: Place | null;
  depth: number;
}

type Name = (path: string[]) => string;

/**
 * The first fault in a JSON value that can't be stored, or null. For a member with a bad name the pointer is that of its
 * object, since such a name can't be followed. The walk has no recursion: a body may nest 32,000 deep.
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

/** Throws `invalid_request` for the first fault that `storageFault` finds. */
export function requireStorable(value: unknown, name: Name = pointer): void {
  const fault = storageFault(value, name);
  if (fault !== null) throw invalid(fault);
}

/** The first `most` UTF-16 units of a text, or one less where they would end in half a surrogate pair. */
export const cut = (text: string, most: number): string =>
  text.slice(0, (text.codePointAt(most - 1) ?? 0) > 0xffff ? most - 1 : most);
