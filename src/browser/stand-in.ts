/** Stands for what only a server has: whatever is called or read of it does nothing and gives itself. */
export const standIn: any = new Proxy(() => standIn, {
  // No promise: what waits for it goes on at once. To a loop it is an empty list.
  get: (_target, key) => (key === 'then' ? undefined : standIn),
});
