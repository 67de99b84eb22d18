// What the browser remembers for the page. Storage may be switched off: then it forgets, no more.

export function recall(storage, name) {
  try {
    return window[storage].getItem(name);
  } catch {
    return null;
  }
}

export function remember(storage, name, value) {
  try {
    window[storage].setItem(name, value);
  } catch {
    // Nothing depends on it.
  }
}
