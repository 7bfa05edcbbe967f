// Predict before you step: the page stops before a contribution arrives and asks for the adjoint it leads to.
// An answer within 1 % is right; else the working is shown.

const TOLERANCE = 0.01;

/** The first contribution in (from, to] that has not been asked for and can be answered with a number. */
function nextQuestion(from, to) {
  if (!page.quiz.on) return null;
  for (let time = from; time < to; time++) {
    const { kind, edge } = page.trace.events[time];
    if (kind !== Kind.CONTRIBUTE || page.quiz.asked.has(edge.index)) continue;
    const after = adjointAt(page.trace, edge.input, edge.at);
    if (after?.data?.length && [...after.data].some(Number.isFinite)) return edge;
  }
  return null;
}

function ask(edge) {
  const after = adjointAt(page.trace, edge.input, edge.at), before = adjointAt(page.trace, edge.input, edge.at - 1);
  let index = 0;
  after.data.forEach((x, i) => { if (Number.isFinite(x) && Math.abs(x) > Math.abs(after.data[index])) index = i; });
  page.quiz.question = { edge, index, answer: after.data[index], before: before?.data?.[index], given: null, state: "open" };
  page.element = index;
  setTime(edge.firstAt);
  page.selected = edge.input;
  render();
  byId("quiz-answer")?.focus();
}

function answerQuiz(text) {
  const { question } = page.quiz, given = Number(text.trim().replace(",", ".").replace(MINUS, "-"));
  if (text.trim() === "" || Number.isNaN(given)) return;
  question.given = given;
  question.state = Math.abs(given - question.answer) <= Math.max(TOLERANCE * Math.abs(question.answer), 1e-12) ? "right" : "wrong";
  settle();
}

function settle() {
  const { quiz } = page;
  quiz.asked.add(quiz.question.edge.index);
  quiz.total++;
  if (quiz.question.state === "right") quiz.right++;
  render();
  byId("quiz-next")?.focus();
}

function quizCard() {
  const { question: { edge, index, answer, before, given, state }, right, total } = page.quiz;
  const tensor = edge.input.value?.data?.length > 1, place = tensor ? placeText(edge.input.value, index) : "";
  const name = bar(nodeLabel(edge.input)) + place, shown = [barred(nodeLabel(edge.input)), place];
  const score = h("span", { class: "score" }, t("quiz.score", { right, total }));
  const values = { name, from: nodeLabel(edge.consumer) };
  if (state === "open") {
    const input = h("input", { id: "quiz-answer", type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": t("quiz.answer") });
    return h("section", { class: "card quiz", id: "quizcard" }, h("h2", {}, t("quiz.title"), score), h("p", {}, before === undefined ? t("quiz.first", values) : t("quiz.next", { ...values, before: short(before) })),
      h("p", { class: "formula" }, ruleOf(edge)),
      h("form", { onsubmit: (event) => { event.preventDefault(); answerQuiz(input.value); } }, h("span", { class: "formula" }, shown, " = "), input, h("button", { type: "submit", class: "primary" }, t("quiz.check")), h("button", { type: "button", onclick: () => { page.quiz.question.state = "shown"; settle(); } }, t("quiz.show"))));
  }
  const term = numbersOfTerm(page.trace, { edge, delta: edge.delta }, page.t, index);
  const working = before === undefined ? `${term} = ${short(answer)}` : `${inBrackets(before)} + ${term} = ${short(answer)}`;
  return h("section", { class: `card quiz ${state}`, id: "quizcard" }, h("h2", {}, t("quiz." + state, { given: given === null ? "" : short(given) }), score), h("p", { class: "formula", role: "status" }, shown, ` = ${working}`),
    h("button", { type: "button", id: "quiz-next", class: "primary", onclick: () => { page.quiz.question = null; goTo(edge.at); } }, t("quiz.continue")));
}

function toggleQuiz() {
  const { quiz } = page;
  Object.assign(quiz, { on: !quiz.on, question: null, asked: new Set(), right: 0, total: 0 });
  byId("quiz").setAttribute("aria-pressed", String(quiz.on));
  render();
}
