/** The same outcome, seen on its way; a rejection nobody handles stays one. What is no promise is given back. */
export function settled<T>(
  promise: Promise<T>,
  done: (value: T) => void,
  failed: (error: unknown) => void,
): Promise<T> {
  if (typeof promise?.then !== 'function') return promise;
  return promise.then(
    (value) => {
      done(value);
      return value;
    },
    (error) => {
      failed(error);
      throw error;
    },
  );
}
