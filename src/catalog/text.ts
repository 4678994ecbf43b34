import { createScanner, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { type Fault, pointer } from '../domain/errors.ts';
import type { CatalogFault, Path } from './faults.ts';

// JSON with comments, and the line and column of each member.

/** A fault with its place: line and column count from 1, columns in UTF-16 units as editors do. */
export interface PlacedFault extends Fault {
  line: number;
  column: number;
}

/** A parsed text: its value, and the faults of names that stand twice. */
export interface ParsedText {
  value: unknown;
  repeated: CatalogFault[];
  /** Places faults, and sorts them by place. */
  place(faults: readonly CatalogFault[]): PlacedFault[];
}

/** No catalogue nests deeper. The parser calls itself, so a deep text must not reach it. */
const DEEPEST = 100;

/** By the parser's names of its errors. Each goes on from the words *The file*. */
const SENTENCES: Record<string, string> = {
  InvalidSymbol: 'has a word here that is no JSON: a text needs double quotes',
  InvalidNumberFormat: 'has a number here that is no JSON',
  PropertyNameExpected: 'must have the name of a member here, in double quotes',
  ValueExpected: 'must have a value here',
  ColonExpected: 'must have a colon here, after the name of a member',
  CommaExpected: 'must have a comma here',
  CloseBraceExpected: 'must have a closing brace } here',
  CloseBracketExpected: 'must have a closing bracket ] here',
  EndOfFileExpected: 'must end here',
  UnexpectedEndOfComment: 'has a comment here without its end */',
  UnexpectedEndOfString: 'has a text here without its closing quote',
  UnexpectedEndOfNumber: 'has half a number here',
  InvalidUnicode: 'has a broken \\u escape here',
  InvalidEscapeCharacter: 'has a backslash here that escapes nothing',
  InvalidCharacter: 'has a control character here: write it as an escape, such as \\n',
};

/** Parses a text: its value with the places of all members, or the faults of its syntax. Commas at the end of a list are taken. */
export function parseText(text: string): ParsedText | { faults: PlacedFault[] } {
  const placeAt = places(text);
  // Names in place of a pointer: no value is there yet.
  const refuse = (offset: number, detail: string): PlacedFault => ({
    pointer: '',
    detail,
    ...placeAt(offset),
  });
  // A byte order mark is no part of JSON; a space in its place keeps all columns.
  const json = text.replace(/^\uFEFF/, ' ');
  const deep = depthOffset(json);
  if (deep !== null) return { faults: [refuse(deep, `must not nest more than ${DEEPEST} deep`)] };
  const errors: ParseError[] = [];
  const root = parseTree(json, errors, { allowTrailingComma: true });
  if (!root || errors.length > 0) return { faults: firstOfLines(syntaxFaults(errors, refuse)) };
  const repeated: CatalogFault[] = [];
  const value = valueAt(root, [], repeated);
  return {
    value,
    repeated,
    place: (faults) =>
      faults
        .map((fault) => ({ fault, ...placeAt(offsetOf(root, fault)) }))
        .sort((a, b) => a.line - b.line || a.column - b.column)
        .map(({ fault: { path, detail }, ...at }) => ({ pointer: pointer(path), detail, ...at })),
  };
}

const syntaxFaults = (errors: ParseError[], refuse: (offset: number, detail: string) => PlacedFault) =>
  errors.length === 0
    ? [refuse(0, 'must have a value: it is empty')]
    : errors.map(({ error, offset }) =>
        refuse(offset, SENTENCES[printParseErrorCode(error)] ?? 'is no JSON here'),
      );

/** One mistake makes several errors on its line. */
const firstOfLines = (faults: PlacedFault[]): PlacedFault[] =>
  faults.filter(({ line }, i) => faults.findIndex((other) => other.line === line) === i);

/** Line and column of an offset. */
function places(text: string): (offset: number) => { line: number; column: number } {
  const starts = [0, ...[...text.matchAll(/\r\n|\n|\r/g)].map((end) => end.index + end[0].length)];
  return (offset) => {
    let line = starts.length;
    while (starts[line - 1]! > offset) line -= 1;
    return { line, column: offset - starts[line - 1]! + 1 };
  };
}

/** `SyntaxKind.EOF` of jsonc-parser, whose enumeration exists for the compiler alone. */
const END_OF_FILE = 17;

/** The offset at which a text nests too deep; null where it does not. */
function depthOffset(text: string): number | null {
  const scanner = createScanner(text, true);
  let depth = 0;
  // The length of the last token says nothing: an open comment ends one character beyond the text.
  for (let token = scanner.scan(); token !== END_OF_FILE; token = scanner.scan()) {
    const first = text[scanner.getTokenOffset()]!;
    if ('{['.includes(first)) depth += 1;
    if ('}]'.includes(first)) depth -= 1;
    if (depth > DEEPEST) return scanner.getTokenOffset();
  }
  return null;
}

function valueAt(node: Node, path: Path, repeated: CatalogFault[]): unknown {
  const children = node.children ?? [];
  if (node.type === 'array') return children.map((child, i) => valueAt(child, [...path, i], repeated));
  if (node.type !== 'object') return node.value;
  const value = {};
  for (const { offset, children: [key, member] = [] } of children) {
    const name = String(key?.value);
    if (Object.hasOwn(value, name))
      repeated.push({ path: [...path, name], detail: 'stands here twice', offset });
    // `__proto__` is a name like any other.
    const held = member && valueAt(member, [...path, name], repeated);
    Object.defineProperty(value, name, { value: held, enumerable: true, configurable: true, writable: true });
  }
  return value;
}

/** The offset of a member's value, or of its name; of the object around a member that is not there. */
function offsetOf(root: Node, { path, isName, offset }: CatalogFault): number {
  if (offset !== undefined) return offset;
  let node = root;
  for (const [i, part] of path.entries()) {
    const member =
      typeof part === 'number'
        ? node.children?.[part]
        : node.children?.findLast(({ children }) => children?.[0]?.value === part);
    if (!member) return node.offset;
    if (isName && i === path.length - 1) return member.offset;
    node = (node.type === 'object' ? member.children?.[1] : member) ?? member;
  }
  return node.offset;
}
