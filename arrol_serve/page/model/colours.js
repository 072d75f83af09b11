/** Which answers have a colour of their own: there are fewer colours than answers may come. No DOM. */

export const COLOURS = 8;

/** Colours for one race, or for several that are compared: an answer has the same in each of them. */
export function newPalette() {
  return { colours: new Map(), races: [] };
}

/** What the palette must know of a race: its answers by cluster, and their votes. Takes the race in. */
export function joinPalette(palette) {
  const place = { names: new Map(), votes: new Map(), leader: undefined };
  palette.races.push(place);
  return place;
}

/**
 * Give the answers of `race` their colours. An answer keeps its own while a race has it. The first that come
 * have one; a leader without takes it from the answer with the fewest votes that leads nowhere.
 */
export function paint(race) {
  const { palette: { colours, races }, place } = race;
  nameClusters(race);
  place.votes = new Map([...race.votes.values()].map((vote) => [place.names.get(vote.cluster), vote.count]));
  const first = [...race.votes.values()].find((vote) => vote.answer === race.now.leader);
  place.leader = first && place.names.get(first.cluster);
  const total = new Map();
  for (const { votes } of races) for (const [name, count] of votes) total.set(name, (total.get(name) ?? 0) + count);
  for (const name of [...colours.keys()]) if (!total.has(name)) colours.delete(name);
  for (const name of total.keys()) {
    if (!colours.has(name) && colours.size < COLOURS) colours.set(name, lowestFree(colours));
  }
  const leaders = new Set(races.map(({ leader }) => leader));
  for (const leader of leaders) if (leader !== undefined && !colours.has(leader)) giveTo(leader, colours, total, leaders);
}

/** By the form that the server compares answers by, which is the same in every race. */
function nameClusters({ votes, lanes, palette, place }) {
  const forms = new Map();
  for (const { cluster, canonical } of lanes.filter(Boolean)) {
    if (cluster != null && canonical != null) forms.set(cluster, [...(forms.get(cluster) ?? []), canonical]);
  }
  for (const cluster of [...place.names.keys()]) if (!votes.has(cluster)) place.names.delete(cluster);
  for (const { cluster, answer } of votes.values()) {
    if (place.names.has(cluster)) continue;
    const taken = new Set(place.names.values());
    const own = (forms.get(cluster) ?? [String(answer)]).filter((form) => !taken.has(form));
    place.names.set(cluster, own.find((form) => palette.colours.has(form)) ?? own[0] ?? `${answer} (${cluster})`);
  }
}

function giveTo(leader, colours, total, leaders) {
  const others = [...colours.keys()].filter((name) => !leaders.has(name));
  if (!others.length) return;
  const least = others.reduce((a, b) => (total.get(b) <= total.get(a) ? b : a));
  colours.set(leader, colours.get(least));
  colours.delete(least);
}

function lowestFree(colours) {
  const taken = new Set(colours.values());
  return Array.from({ length: COLOURS }, (_, number) => number).find((number) => !taken.has(number));
}

/** The class of a cluster's colour, "" for none. */
export function colourOf({ palette, place }, cluster) {
  return cluster == null ? "" : `k${palette.colours.get(place.names.get(cluster)) ?? COLOURS}`;
}
