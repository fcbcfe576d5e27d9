// "did you mean …": finds the known name nearest to a misspelt one, for `config.ts` and `cli.ts`.

/**
 * Returns the name in `known` that `given` most likely means, or undefined if none is near. Near
 * means that at most a third of the longer name's letters differ, ignoring case.
 */
export function findNearest(given: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let nearestDistance = Infinity;
  for (const name of known) {
    const longer = Math.max(given.length, name.length);
    // The distance is at least the difference in length, so skip names that are too long or short.
    if (Math.abs(given.length - name.length) > longer / 3) continue;
    const distance = countEdits(given.toLowerCase(), name.toLowerCase());
    if (distance <= longer / 3 && distance < nearestDistance) {
      nearest = name;
      nearestDistance = distance;
    }
  }
  return nearest;
}

/** Counts the edits from `a` to `b`: letters added, removed or replaced, and neighbours swapped. */
function countEdits(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, last[j] + 1, row[j - 1] + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length];
}
