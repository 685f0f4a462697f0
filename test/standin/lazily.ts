// Makes a thing when it is first asked for, once.

export function lazily<T>(make: () => T): () => T {
  const made: T[] = [];
  return () => {
    const [first = make()] = made;
    if (made.length === 0) made.push(first);
    return first;
  };
}
