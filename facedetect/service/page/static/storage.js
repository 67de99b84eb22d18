// What the browser stores for the page; in memory only, if its storage is disabled.

const kept = new Map();

export function recall(storage, name) {
  try {
    return window[storage].getItem(name) ?? kept.get(name) ?? null;
  } catch {
    return kept.get(name) ?? null;
  }
}

export function remember(storage, name, value) {
  kept.set(name, value);
  try {
    window[storage].setItem(name, value);
  } catch {
    // It is in `kept`.
  }
}
