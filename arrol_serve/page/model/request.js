/** What the form asks for, as a request's body and back. No DOM. */

const NUMBERS = { samples: ["samples"], confidence: ["early_stop", "confidence"], keep: ["prune", "keep"] };

/**
 * The body of a search. `form`: strings by field, empty where the preset or the server decides.
 * A `keep` of "all" and a `confidence` of "never" switch pruning and stopping off.
 */
export function bodyOf(form) {
  const body = { model: form.model, messages: [{ role: "user", content: form.question }] };
  for (const name of ["temperature", "seed", "max_tokens"]) {
    if (form[name]) body[name] = Number(form[name]);
  }
  return { ...body, arrol: optionsOf(form) };
}

function optionsOf(form) {
  const options = {};
  if (form.preset) options.preset = form.preset;
  for (const [name, path] of Object.entries(NUMBERS)) {
    const value = form[name];
    if (!value) continue;
    if (value === "all" || value === "never") options[path[0]] = null;
    else if (path.length === 1) options[path[0]] = Number(value);
    else options[path[0]] = { [path[1]]: Number(value) };
  }
  if (form.confidence === "never") Object.assign(options, { min_samples: null, wave_samples: null });
  const probes = (form.probes ?? "").split(/[^\d]+/).filter(Boolean).map(Number);
  if (probes.length && options.prune !== null) options.prune = { ...options.prune, probes };
  if (form.vote) options.vote = form.vote;
  return options;
}

/** The same body, streamed with all that the page shows. */
export function streamed(body) {
  const arrol = body.arrol && { ...body.arrol, return: "candidates", stream: "progress" };
  return { ...body, arrol, stream: true, stream_options: { include_usage: true } };
}

/** What the form's question was, of a body. */
export function questionOf(body) {
  const content = body?.messages?.at(-1)?.content;
  return typeof content === "string" ? content : "";
}

/** The ways of asking that a comparison offers: every preset, plain sampling, one sample. */
export function waysOf(presets, given) {
  const samples = Number(given);
  const named = presets.map((name) => ({ id: `preset-${name}`, name, options: { preset: name } }));
  return [
    ...named,
    { id: "plain", name: `plain sampling × ${samples}`, options: { samples, vote: "uniform" } },
    { id: "one", name: "one sample", options: { samples: 1 } },
  ];
}
