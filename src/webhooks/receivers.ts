import { literalAddress, mayReceive } from './addresses.ts';

/** Whether the URL's protocol is allowed: https, in development also http. */
export const isSpoken = ({ protocol }: URL, allowsPrivate: boolean): boolean =>
  protocol === 'https:' || (allowsPrivate && protocol === 'http:');

/**
 * Why nothing can be sent to a URL, as far as its text shows; null for none. The address behind its name is checked at each
 * attempt.
 */
export function receiverFault(text: string, allowsPrivate: boolean): string | null {
  if (!URL.canParse(text)) return 'must be a URL';
  const url = new URL(text);
  if (!isSpoken(url, allowsPrivate)) return 'must be an https URL';
  if (url.username !== '' || url.password !== '') return 'must not hold a user or password';
  const literal = literalAddress(url);
  if (literal !== null && !mayReceive(literal, allowsPrivate))
    return allowsPrivate ? "must not be the address of a cloud's metadata" : 'must not be a private address';
  return null;
}
