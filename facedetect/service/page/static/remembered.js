// What the browser remembers for the page. Storage may be switched off: then until the page is left.

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
