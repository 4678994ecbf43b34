/** Decimals of a currency by ISO 4217: 2 of USD, 0 of JPY. */
const decimalsOf = (currency: string): number =>
  new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;

/** An amount in a currency's smallest unit as text: `USD 29.00`, `JPY 2900`. */
export function moneyText(minor: number, currency: string): string {
  const decimals = decimalsOf(currency);
  const digits = String(Math.abs(minor)).padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const rest = decimals === 0 ? '' : `.${digits.slice(-decimals)}`;
  return `${currency} ${minor < 0 ? '-' : ''}${whole}${rest}`;
}
