import type { Instant } from '../../domain/calendar.ts';
import type { PackTerm } from '../../domain/catalog/catalog.ts';
import type { Format } from '../shell/format.ts';
import { When } from '../shell/parts.tsx';
import { capital, type Words } from '../shell/words.ts';

// A pack that a subscription can buy now, in words, and the stepper for a number of them.

/** R-32a: a pack on sale. */
export interface PackOffer {
  id: string;
  name: string;
  credits: number;
  priceMinor: number;
  currency: string;
  most: number;
  term: PackTerm;
  /** R-31, R-31a: the expiry of credits bought now; null: they stay as long as the subscription. */
  expiresAt: Instant | null;
  /** R-30a: the renewal that charges it again; null for a pack that is bought once. */
  renewsAt: Instant | null;
}

/** The formats, words and now of a page. */
export interface PageTexts {
  format: Format;
  words: Words;
  now: Instant;
}

/** R-31a: the end of credits bought now. */
export function Term({ offer: { term, expiresAt }, texts }: { offer: PackOffer; texts: PageTexts }) {
  const { format, now } = texts;
  if (expiresAt === null) return <>What you buy now stays as long as your subscription.</>;
  const date = <When format={format} at={expiresAt} near={now} />;
  if (typeof term === 'object' && 'days_after_renewal' in term)
    return (
      <>
        What you buy now expires {afterRenewal(term.days_after_renewal)}: {date}.
      </>
    );
  return <>What you buy now expires on {date}.</>;
}

const afterRenewal = (days: number): string =>
  days === 0 ? 'at your next renewal' : `${days === 1 ? '1 day' : `${days} days`} after your next renewal`;

/** R-30a: whether a pack is charged again. */
export function Renews({ offer: { renewsAt }, texts }: { offer: PackOffer; texts: PageTexts }) {
  if (renewsAt === null) return <>Bought once: it does not renew.</>;
  return (
    <>
      Renews with your plan on <When format={texts.format} at={renewsAt} near={texts.now} /> until you remove
      it.
    </>
  );
}

interface StepperProps {
  offer: PackOffer;
  texts: PageTexts;
  packs: number;
  /** Ends the ids of its elements, where a page has several steppers. */
  suffix?: string;
}

/** A number of packs, with its credits and price. Without script the field and the price of one pack remain. */
export function Stepper({ offer, texts: { format, words }, packs, suffix = '' }: StepperProps) {
  const { id, credits, priceMinor, currency, most } = offer;
  const [one, many] = words.pack;
  const [field, total] = [`packs${suffix}`, `total${suffix}`];
  return (
    <>
      <input type="hidden" name="pack" value={id} />
      <input type="hidden" name="price" value={String(priceMinor)} />
      <div class="spread">
        <div class="field">
          <label for={field}>{capital(many)}</label>
          <div class="stepper" data-total={total} data-currency={currency} data-fraction={String(priceMinor)}>
            <button type="button" data-step="-1" aria-label={`One ${one} less`}>
              −
            </button>
            <input
              id={field}
              name="packs"
              type="number"
              inputmode="numeric"
              min="1"
              max={String(most)}
              step="1"
              value={String(packs)}
              required
            />
            <button type="button" data-step="1" aria-label={`One ${one} more`}>
              +
            </button>
          </div>
        </div>
        <output id={total} class="total" for={field} aria-live="polite">
          <strong data-of="money" data-each={String(priceMinor)}>
            {format.money(packs * priceMinor, currency)}
          </strong>{' '}
          <span class="quiet">
            for{' '}
            <span data-of="credits" data-each={String(credits)}>
              {format.credits(packs * credits)}
            </span>{' '}
            {words.credit[1]}
          </span>
        </output>
      </div>
    </>
  );
}
