// "did you mean …": finds the known name nearest to a mistyped one, for `config.ts` and `cli.ts`.

/**
 * The name among `known` that `given` is most likely a slip of, or undefined when none is near.
 * Near: at most a third of the longer name's letters differ; case is not a difference.
 */
export function findNearest(given: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let nearestDistance = Infinity;
  for (const name of known) {
    const longer = Math.max(given.length, name.length);
    // A name of another length differs by at least as many letters: do not measure strangers.
    if (Math.abs(given.length - name.length) > longer / 3) continue;
    const distance = countEdits(given.toLowerCase(), name.toLowerCase());
    if (distance <= longer / 3 && distance < nearestDistance) {
      nearest = name;
      nearestDistance = distance;
    }
  }
  return nearest;
}

/** Edits from `a` to `b`: letters added, left out or replaced, and neighbours swapped. */
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
