/** NODE_OPTIONS of a process whose clock differs from all others by so many milliseconds. */
export function shiftedClock(ms: number): string {
  const preload = `const Real = Date;
globalThis.Date = class Date extends Real {
  constructor(...words) { words.length === 0 ? super(Real.now() + ${ms}) : super(...words); }
  static now() { return Real.now() + ${ms}; }
};`;
  return `--import=data:text/javascript,${encodeURIComponent(preload)}`;
}
