/** What an instrumentation has changed: each object once, and all of it put back together. */

type Undo = () => void;

export interface Patches {
  /** Patches `target` unless there is none or it has been patched before; `patch` gives back what undoes it. */
  once<T extends object>(target: T | undefined, patch: (target: T) => readonly Undo[]): void;
  /** Further things to be undone. */
  add(...undo: Undo[]): void;
  /** Undoes everything; what was patched may be patched again. */
  undo(): void;
}

export function patches(): Patches {
  const undo: Undo[] = [];
  let patched = new WeakSet<object>();
  return {
    once(target, patch) {
      if (target === undefined || patched.has(target)) return;
      patched.add(target);
      undo.push(...patch(target));
    },
    add(...more) {
      undo.push(...more);
    },
    undo() {
      for (const restore of undo.splice(0)) restore();
      patched = new WeakSet();
    },
  };
}
