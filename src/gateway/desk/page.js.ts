/**
 * What the page does. Plain script in the browser, kept as text so that it is served with one nonce.
 *
 * It makes elements and text nodes only: there is no markup from anywhere, and the page's policy forbids it besides.
 * No backticks and no dollar-brace in it, so that what stands here is what the browser gets.
 */
export const PAGE_SCRIPT = String.raw`
"use strict";
(function () {
  var waiting = document.getElementById("waiting");
  var history = document.getElementById("history");
  var spoken = document.getElementById("spoken");
  var notice = document.getElementById("notice");
  var help = document.getElementById("help");
  var cards = new Map();
  var ended = new Map();
  var clockAhead = 0;
  var closed = false;

  function make(tag, attributes) {
    var element = document.createElement(tag);
    for (var name in attributes) element.setAttribute(name, attributes[name]);
    for (var at = 2; at < arguments.length; at += 1) if (arguments[at] !== null) element.append(arguments[at]);
    return element;
  }

  function hide(element, hidden) { element.hidden = hidden; }

  function spansInto(element, spans) {
    spans.forEach(function (span) {
      element.append(span.kind === "text" ? span.text : make("span", { class: span.kind }, span.text));
    });
    return element;
  }

  function count(number, word) { return number.toLocaleString("en") + " " + word + (number === 1 ? "" : "s"); }

  function time(ms) {
    return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  }

  function remaining(ms) {
    var seconds = Math.max(0, Math.ceil(ms / 1000));
    var parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    if (parts[0] === 0) parts.shift();
    return parts.map(function (part, at) { return at === 0 ? String(part) : String(part).padStart(2, "0"); }).join(":");
  }

  // ---- one request

  function factList(view, group) {
    var list = make("dl", { class: "facts " + group });
    view.facts.filter(function (fact) { return fact.group === group; }).forEach(function (fact) {
      list.append(make("div", {}, make("dt", {}, fact.label), make("dd", { class: fact.tone }, fact.value)));
    });
    return list;
  }

  function part(title, aside) {
    return make("div", { class: "part" }, make("h3", {}, title), make("span", {}, aside));
  }

  function params(view) {
    var body = make("tbody", {});
    view.params.forEach(function (param) {
      var value = param.value === null ? make("td", { class: "null" }, "NULL") : spansInto(make("td", {}), param.value);
      body.append(make("tr", {}, make("th", { scope: "row" }, "$" + param.position), value));
    });
    return make("div", { class: "params", tabindex: "0", role: "group", "aria-label": "Parameters" }, make("table", {}, body));
  }

  function bodyOf(view) {
    var parts = [];
    if (view.repeats > 0) view.warnings.push("This same text was asked " + (view.repeats === 1 ? "once" : count(view.repeats, "time")) + " before in this session.");
    if (view.warnings.length > 0) {
      var list = make("ul", { class: "warnings" });
      view.warnings.forEach(function (each) { list.append(make("li", {}, each)); });
      parts.push(list);
    }
    parts.push(factList(view, "first"));
    parts.push(part("Command", count(view.lines, "line") + ", " + count(view.characters, "character") + ", shown whole"));
    parts.push(spansInto(make("pre", { class: "text", tabindex: "0", role: "group", "aria-label": "Command text" }), view.text));
    if (view.params.length > 0) {
      parts.push(part("Parameters", count(view.params.length, "value") +
        (view.paramsHidden > 0 ? " shown, " + view.paramsHidden.toLocaleString("en") + " more are not; the answer covers them too" : "")));
      parts.push(params(view));
    }
    // A command whose reading says nothing more needs no empty heading.
    if (view.facts.some(function (fact) { return fact.group === "more"; })) parts.push(part("Why it is held", "as policy says"), factList(view, "more"));
    if (view.facts.some(function (fact) { return fact.group === "job"; })) parts.push(part("Who asks", "as the job says of itself"), factList(view, "job"));
    parts.push(make("p", { class: "bound" }, "An answer covers exactly these " + count(view.bytes, "byte") + ", once. Request ",
      make("code", {}, view.id), ", digest ", make("code", { title: view.digest }, view.digestHead + "…")));
    return parts;
  }

  function makeCard(view) {
    var title = "title-" + view.id;
    var fill = make("i", {});
    var left = make("b", { role: "timer" });
    var chips = make("ul", { class: "chips", "aria-label": "Effects" });
    view.chips.forEach(function (chip) { chips.append(make("li", { class: chip.tone }, chip.effect)); });
    var approvals = make("span", {});
    var top = make("div", { class: "top" },
      make("div", {},
        make("p", { class: "where" }, "Held since " + time(view.askedAt) + " on " + view.target, approvals),
        make("h2", { id: title }, view.headline), chips),
      make("div", { class: "clock" }, left, make("span", {}, "until it is refused")));
    var deny = make("button", { type: "button", class: "deny" }, "Deny", make("kbd", { "aria-hidden": "true" }, "d"));
    var approve = make("button", { type: "button", class: "approve" }, "Approve…", make("kbd", { "aria-hidden": "true" }, "a"));
    var actions = make("div", { class: "actions" }, deny, approve);
    var element = make("article", { class: "card", tabindex: "-1", "aria-labelledby": title }, make("div", { class: "left" }, fill), top);
    bodyOf(view).forEach(function (each) { element.append(each); });
    element.append(actions);
    var card = { view: view, element: element, actions: actions, approvals: approvals, form: null, deny: deny, approve: approve, fill: fill, left: left };
    deny.addEventListener("click", function () { ask(card, "refuse"); });
    approve.addEventListener("click", function () { ask(card, "approve"); });
    return card;
  }

  // Asks once more, with room for a reason, in the place of the two buttons.
  function ask(card, word) {
    if (card.form !== null || card.element.isConnected === false) return;
    var approving = word === "approve";
    var reason = make("textarea", { rows: "1", maxlength: "1000" });
    var back = make("button", { type: "button" }, "Go back");
    var send = make("button", { type: "submit", class: approving ? "approve" : "deny" }, approving ? "Approve once" : "Deny");
    var failed = make("p", { class: "failed", role: "alert", hidden: "" });
    var form = make("form", { class: "confirm" },
      make("p", {}, approving ? "Let exactly this command run, once?" : "Refuse this command?"),
      make("label", {}, "Why, for the record (optional)", reason),
      failed, make("div", { class: "actions" }, back, send));
    function leave() { form.remove(); hide(card.actions, false); card.form = null; card.element.focus(); }
    back.addEventListener("click", leave);
    form.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { event.preventDefault(); leave(); }
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target === reason) { event.preventDefault(); form.requestSubmit(); }
    });
    var opened = performance.now();
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      // The second half of a double click is not a second thought.
      if (performance.now() - opened < 400) return;
      send.disabled = true;
      post({ id: card.view.id, digest: card.view.digest, word: word, reason: reason.value.trim() }).then(function (error) {
        send.disabled = false;
        if (error === "") { leave(); return; }
        hide(failed, false);
        failed.textContent = error;
      });
    });
    card.form = form;
    hide(card.actions, true);
    card.element.append(form);
    form.scrollIntoView({ block: "nearest" });
    reason.focus();
  }

  function post(body) {
    return fetch("answer", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })
      .then(function (response) { return response.json(); })
      .then(function (answer) { return answer.error || ""; })
      .catch(function () { return "The countersigner did not answer. Nothing was sent twice; look at the terminal."; });
  }

  // ---- the past

  var WORDS = { approved: "Approved", refused: "Denied", expired: "Expired", withdrawn: "Withdrawn" };

  function how(item) {
    if (item.answer === "expired") return "Nobody answered in time, so it was refused.";
    if (item.answer === "withdrawn") return "The client cancelled or left before anybody answered.";
    var by = item.by.map(function (each) { return each.login + (each.via === "page" ? " on this page" : " in the " + each.via); }).join(", ");
    return "By " + by + (item.reason === "" ? "" : ": “" + item.reason + "”");
  }

  function makePast(item) {
    var details = make("details", {}, make("summary", {},
      make("span", { class: "word " + item.answer }, WORDS[item.answer]),
      make("span", { class: "what" }, item.headline + " on " + item.target),
      make("time", { class: "when" }, time(item.at)),
      make("span", { class: "how" }, how(item))));
    details.addEventListener("toggle", function () {
      if (!details.open || details.querySelector(".body") !== null) return;
      var body = make("div", { class: "body" });
      details.append(body);
      load(item.id).then(function (view) { bodyOf(view).forEach(function (each) { body.append(each); }); })
        .catch(function () { body.append(make("p", { class: "bound" }, "It is no longer kept here; the record has it.")); });
    });
    return make("li", {}, details);
  }

  // ---- keeping up

  function load(id) {
    return fetch("requests/" + id).then(function (response) {
      if (!response.ok) throw new Error("gone");
      return response.json();
    });
  }

  function apply(state) {
    clockAhead = state.now - Date.now();
    var ids = new Set(state.waiting.map(function (each) { return each.id; }));
    cards.forEach(function (card, id) { if (!ids.has(id)) drop(card, id); });
    state.answered.slice().reverse().forEach(function (item) {
      if (ended.has(item.id)) return;
      var past = makePast(item);
      ended.set(item.id, past);
      history.prepend(past);
      if (item.at > openedAt) say(WORDS[item.answer] + ": " + item.headline);
    });
    return Promise.all(state.waiting.map(function (each) {
      if (cards.has(each.id)) return cards.get(each.id);
      return load(each.id).then(function (view) {
        var card = makeCard(view);
        cards.set(each.id, card);
        waiting.append(card.element);
        say("A command waits for you. " + view.headline + ", on " + view.target);
        return card;
      }).catch(function () { return null; });
    })).then(function (all) {
      all.forEach(function (card, at) {
        var given = state.waiting[at].approvals;
        if (card !== null) card.approvals.textContent = given.length === 0 ? "" : ". Approved so far by " + given.join(", ") + " (" + given.length + " of " + card.view.need + ")";
      });
      summary();
      tick();
    });
  }

  var openedAt = Date.now();

  function drop(card, id) {
    var list = Array.from(cards.values());
    var next = list[list.indexOf(card) + 1] || list[list.indexOf(card) - 1];
    var held = card.element.contains(document.activeElement);
    cards.delete(id);
    card.element.remove();
    if (held && next) next.element.focus();
  }

  function summary() {
    var number = cards.size;
    var line = document.getElementById("count");
    line.textContent = closed ? "This run has ended" : number === 0 ? "Nothing waits" : count(number, "command") + (number === 1 ? " waits" : " wait");
    line.classList.toggle("some", number > 0);
    document.title = (number > 0 ? "(" + number + ") " : "") + "Countersign";
    var empty = document.getElementById("empty");
    hide(empty, number > 0 || closed);
    empty.classList.toggle("after", ended.size > 0);
    hide(document.getElementById("answered"), ended.size === 0);
  }

  function say(text) { spoken.textContent = text; }

  function tick() {
    var now = Date.now() + clockAhead;
    cards.forEach(function (card) {
      var left = card.view.deadlineAt - now;
      card.left.textContent = remaining(left);
      card.fill.style.transform = "scaleX(" + Math.max(0, Math.min(1, left / (card.view.deadlineAt - card.view.askedAt))) + ")";
      card.element.classList.toggle("soon", left < 60000);
    });
  }

  function follow(version, failures) {
    fetch("state?since=" + version).then(function (response) {
      if (!response.ok) throw new Error(String(response.status));
      return response.json();
    }).then(function (state) {
      hide(notice, true);
      return apply(state).then(function () { follow(state.version, 0); });
    }).catch(function () {
      if (failures < 3) { setTimeout(function () { follow(version, failures + 1); }, 400 * (failures + 1)); return; }
      closed = true;
      cards.forEach(drop);
      notice.textContent = "The countersigner has ended, and with it this run. What was not answered was refused. You can close this page.";
      hide(notice, false);
      summary();
    });
  }

  // ---- keys

  function current() {
    var list = Array.from(cards.values());
    return list.find(function (card) { return card.element.contains(document.activeElement); }) || null;
  }

  function step(by) {
    var list = Array.from(cards.values());
    if (list.length === 0) return;
    var at = list.indexOf(current());
    list[at === -1 ? 0 : Math.max(0, Math.min(list.length - 1, at + by))].element.focus();
  }

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.target.closest("textarea, input")) return;
    var inside = event.target.closest(".text, .params");
    var card = current() || (cards.size === 1 ? Array.from(cards.values())[0] : null);
    if (event.key === "j" || (event.key === "ArrowDown" && !inside)) step(1);
    else if (event.key === "k" || (event.key === "ArrowUp" && !inside)) step(-1);
    else if (event.key === "a" && card !== null) ask(card, "approve");
    else if (event.key === "d" && card !== null) ask(card, "refuse");
    else if (event.key === "?") help.showModal();
    else return;
    event.preventDefault();
  });
  document.getElementById("help-open").addEventListener("click", function () { help.showModal(); });

  setInterval(tick, 1000);
  follow(-1, 0);
})();
`;
