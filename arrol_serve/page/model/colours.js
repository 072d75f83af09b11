/** Which answers have a colour of their own: there are fewer colours than answers may come. No DOM. */

export const COLOURS = 8;

/**
 * Give the clusters in `votes` (cluster -> vote) their colours, `colours` (cluster -> number), in place. A
 * cluster keeps its own while it lives. The first that come have one; a leader without takes it from the
 * cluster with the fewest votes.
 */
export function paintClusters(colours, votes, leader) {
  for (const cluster of [...colours.keys()]) if (!votes.has(cluster)) colours.delete(cluster);
  for (const cluster of votes.keys()) {
    if (!colours.has(cluster) && colours.size < COLOURS) colours.set(cluster, lowestFree(colours));
  }
  const first = [...votes.values()].find((vote) => vote.answer === leader);
  if (!first || colours.has(first.cluster)) return;
  const count = (cluster) => votes.get(cluster).count;
  const least = [...colours.keys()].reduce((a, b) => (count(b) <= count(a) ? b : a));
  colours.set(first.cluster, colours.get(least));
  colours.delete(least);
}

function lowestFree(colours) {
  const taken = new Set(colours.values());
  return Array.from({ length: COLOURS }, (_, number) => number).find((number) => !taken.has(number));
}

/** The class of a cluster's colour, "" for none. */
export function colourOf(race, cluster) {
  return cluster == null ? "" : `k${race.colours.get(cluster) ?? COLOURS}`;
}
