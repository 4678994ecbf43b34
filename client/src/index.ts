// The package `drawdown-client`: the typed client for servers, and the element for pages.

export { type Client, type CustomerClient, createClient, every } from './client.ts';
export type * from './contract.ts';
export type { Outcome, PaywallMembers, Purchase as PaywallPurchase } from './paywall.ts';
export { DrawdownPaywall } from './paywall.ts';
export type { Words } from './paywall-words.ts';
export {
  DrawdownNoAnswer,
  DrawdownProblem,
  type Fault,
  type OtherProblem,
  type ProblemCode,
} from './problem.ts';
export type { CallOptions, ClientOptions, Retry } from './request.ts';
