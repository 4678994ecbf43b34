/**
 * One constructable sheet: a strict policy forbids style attributes and elements, not these. Light or dark as the page's
 * `color-scheme` says; each pair of text and ground is at least 4.5 to 1.
 */
export const STYLE = `:host{--edge:light-dark(#8b867d,#77756c);--accent:var(--drawdown-accent,light-dark(#1f5f5b,#7cc4bd))}
*{box-sizing:border-box}dialog{width:min(28rem,100vw - 2rem);max-height:calc(100dvh - 2rem);margin:auto;padding:1.5rem;
overflow:auto;border:1px solid var(--edge);border-radius:14px;background:light-dark(#fff,#1c1e1b);
color:light-dark(#1c1b19,#edece7);font:1rem/1.5 var(--drawdown-font,system-ui,sans-serif);overflow-wrap:anywhere}
dialog::backdrop{background:#0008}form,form>div{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center}form{gap:1rem}
form>*{flex:1 0 100%;margin:0}h2{margin:0;font-size:1.25rem}h2:focus{outline:0}:focus-visible{outline:3px solid var(--accent);
outline-offset:2px}.quiet{color:light-dark(#615d56,#a9a69d)}.bad{color:light-dark(#a3262a,#f29a95)}.bad:empty{display:none}
button,a,input,select{min-height:2.75rem;padding:.5rem 1.1rem;border:1px solid var(--edge);border-radius:10px;background:0 0;
color:inherit;font:inherit;text-decoration:none}select{min-width:0;background:light-dark(#fff,#1c1e1b)}
button,a,label{font-weight:550}button:hover,a:hover{filter:brightness(.9)}
.step,input{width:3.5rem;padding:0;text-align:center}.main{border:0;background:var(--accent);
color:var(--drawdown-on-accent,light-dark(#fff,#0e2523))}[aria-disabled]{opacity:.7;cursor:progress}`;
