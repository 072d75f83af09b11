/** Numbers as people read them. No DOM. */

const GROUPED = new Intl.NumberFormat("en");

/** 12,345 */
export function integer(value) {
  return GROUPED.format(Math.round(value));
}

/** "1 token", "12,345 tokens" */
export function count(value, noun) {
  return `${integer(value)} ${noun}${Math.round(value) === 1 ? "" : "s"}`;
}

/** A share in percent, "–" if unknown. */
export function percent(value) {
  if (!Number.isFinite(value)) return "–";
  const hundredth = value * 100;
  const fine = (hundredth > 99 && value < 1) || (hundredth < 1 && value > 0);
  return `${hundredth.toFixed(fine ? 1 : 0)} %`;
}

/** A probability in percent, never rounded to certainty. "–" if unknown. */
export function probability(value) {
  if (value > 0.999) return ">99.9 %";
  return Number.isFinite(value) && value < 0.001 ? "<0.1 %" : percent(value);
}

/** Milliseconds: "480 ms", "2.0 s", "1 min 5 s" */
export function seconds(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
  const whole = Math.round(ms / 1000);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** How much less `used` is than `plain`: "32 % fewer", "5 % more", "as many". */
export function beside(used, plain) {
  const share = Math.round((1 - used / plain) * 100);
  if (share === 0) return "as many";
  return share > 0 ? `${share} % fewer` : `${-share} % more`;
}

/** `text`, at most `most` characters. */
export function clip(text, most) {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
}
