import type { Grant } from '../burndown.ts';
import { type Instant, NEVER } from '../calendar.ts';
import { type Book, book } from './book.ts';
import { openHolds, release } from './holds.ts';

// Ends of terms and deadlines of holds need no calendar. A forecast takes them from a sorted list, so that thousands of
// grants and holds cost thousands of steps and not their square.

/** `pass` books the date: the release of a hold, or the expiry of a grant. */
interface AgendaEntry {
  at: Instant;
  pass(): void;
}

/** The coming ends of terms and deadlines of a book, sorted. */
export interface Agenda {
  /** The soonest instant at which a term ends or a deadline passes; null when none is left. */
  next(): Instant | null;
  /** Books all dates up to and including an instant, in order. */
  passUntil(at: Instant): void;
  add(grant: Grant): void;
}

/** The agenda of a book: its open holds, and the terms of its grants that end. `passUntil` changes the book. */
export function agendaOf(target: Book): Agenda {
  const termOf = (grant: Grant): AgendaEntry => ({
    at: grant.expiresAt,
    pass() {
      // where only held credits are left, the term is booked already.
      if (grant.taken === undefined)
        book(target, [{ type: 'expire', grantId: grant.id, at: grant.expiresAt }]);
    },
  });
  const deadlines = openHolds(target).map(
    ({ id, deadline }): AgendaEntry => ({ at: deadline, pass: () => void release(target, id, deadline) }),
  );
  // at one instant deadlines come before terms; the sort keeps their order.
  const terms = [...target.grants.values()].filter(({ expiresAt }) => expiresAt < NEVER).map(termOf);
  const entries = [...deadlines, ...terms].sort((a, b) => a.at - b.at);
  let passed = 0;

  return {
    next: () => entries[passed]?.at ?? null,
    passUntil(at) {
      for (let entry = entries[passed]; entry && entry.at <= at; entry = entries[passed]) {
        passed += 1;
        entry.pass();
      }
    },
    add(grant) {
      if (grant.expiresAt >= NEVER) return;
      let [low, high] = [passed, entries.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (entries[middle]!.at <= grant.expiresAt) low = middle + 1;
        else high = middle;
      }
      entries.splice(low, 0, termOf(grant));
    },
  };
}
