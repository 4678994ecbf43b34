// The one script of all pages. Every page works without it, by plain forms.
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const say = (text) => {
    document.getElementById('said').textContent = text;
  };

  /** A stepper: − and + beside a number, and the credits and price of that number. */
  function stepper(box) {
    const input = box.querySelector('input');
    const total = document.getElementById(box.dataset.total ?? '');
    const money = new Intl.NumberFormat(document.documentElement.lang, {
      style: 'currency',
      currency: box.dataset.currency ?? 'USD',
    });
    const whole = new Intl.NumberFormat(document.documentElement.lang);
    const unit = 10 ** money.resolvedOptions().maximumFractionDigits;
    const show = () => {
      const count = Number(input.value);
      if (!total || !input.validity.valid || !Number.isInteger(count)) return;
      for (const part of all('[data-of]', total)) {
        const each = Number(part.dataset.each);
        part.textContent =
          part.dataset.of === 'money' ? money.format((count * each) / unit) : whole.format(count * each);
      }
    };
    for (const button of all('button[data-step]', box))
      button.addEventListener('click', () => {
        if (button.dataset.step === '1') input.stepUp();
        else input.stepDown();
        input.dispatchEvent(new Event('input', { bubbles: true }));
      });
    input.addEventListener('input', show);
    box.classList.add('live');
    show();
  }

  /** Drops the second press of a form's button. The form's key gives two sends one effect; this shows that one is under way. */
  function busyOnce(event) {
    const { target, submitter } = event;
    if (target.dataset.sent) {
      event.preventDefault();
      return;
    }
    target.dataset.sent = 'yes';
    submitter?.setAttribute('aria-busy', 'true');
  }

  function enhance(from) {
    all('.stepper', from).forEach(stepper);
    for (const dialog of all('dialog[data-modal]', from)) {
      // Not close(): its event comes later, and would look like the person's own.
      dialog.removeAttribute('open');
      dialog.showModal();
      const away = dialog.dataset.away;
      if (away) dialog.addEventListener('close', () => location.assign(away));
    }
    // Without a clipboard the button stays hidden.
    for (const button of navigator.clipboard ? all('button[data-copy]', from) : []) {
      button.hidden = false;
      button.addEventListener('click', async () => {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        say('Copied');
        button.textContent = 'Copied';
      });
    }
    // A chart that is wider than the window shows today first.
    for (const chart of all('.chart', from)) chart.scrollLeft = (chart.scrollWidth - chart.clientWidth) * 0.4;
    for (const select of all('select[data-submit]', from))
      select.addEventListener('change', () => select.form.requestSubmit());
  }

  /** Loads the page's content again and puts it in place, once nobody is using a form or a dialog. */
  async function refresh() {
    const active = document.activeElement;
    const isBusy =
      document.querySelector('dialog:modal, form[data-sent]') || active?.matches('input, select, textarea');
    if (isBusy) {
      setTimeout(refresh, 2_000);
      return;
    }
    const headers = { 'Drawdown-Notice': document.body.dataset.notice ?? '' };
    const answer = await fetch(location.pathname + location.search, { headers }).catch(() => null);
    stale(!answer?.ok);
    if (!answer?.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('main');
    const main = document.getElementById('main');
    if (!fresh) return;
    const focused = active?.id;
    const open = all('details', main).map((details) => details.open);
    main.replaceChildren(...fresh.childNodes);
    all('details', main).forEach((details, i) => {
      details.open = open[i] ?? false;
    });
    enhance(main);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    say(main.querySelector('[data-live-text]')?.dataset.liveText ?? '');
  }

  /** Marks the page's numbers as possibly out of date. */
  function stale(isStale) {
    document.getElementById('stale')?.remove();
    if (!isStale) return;
    const note = document.createElement('div');
    note.id = 'stale';
    note.className = 'note warn';
    note.setAttribute('role', 'status');
    const link = document.createElement('a');
    link.href = location.href;
    link.textContent = 'Load it again';
    note.append('This page may be out of date. ', link);
    document.getElementById('main').prepend(note);
  }

  /** Listens to the server, which sends a version when the ledger's is no longer the page's. */
  function listen(url) {
    const events = new EventSource(url);
    let waiting = 0;
    events.addEventListener('version', () => refresh());
    events.addEventListener('open', () => {
      clearTimeout(waiting);
      stale(false);
    });
    events.addEventListener('error', () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => stale(true), events.readyState === EventSource.CLOSED ? 0 : 10_000);
    });
    addEventListener('pagehide', () => {
      clearTimeout(waiting);
      events.close();
    });
  }

  document.addEventListener('submit', busyOnce);
  // A page from the browser's back cache has closed its event stream.
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted && document.body.dataset.live) refresh();
    for (const form of all('form[data-sent]')) {
      delete form.dataset.sent;
      for (const button of all('[aria-busy]', form)) button.removeAttribute('aria-busy');
    }
  });
  enhance(document);
  if (document.body.dataset.live) listen(document.body.dataset.live);
})();
