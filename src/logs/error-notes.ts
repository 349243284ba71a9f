/**
 * What is known of an error, kept with the object itself: nobody sees it, it is gone with the error, and works on a
 * frozen one. A WeakMap would be the plain way; with errors that live for one record it costs ten times as much (1 us
 * each, by the work it makes for the garbage collector).
 */
import { shared } from '../slot.ts';

export interface ErrorNotes {
  fingerprint?: string;
  /** When it was told by a record, in epoch milliseconds, and in which trace. */
  toldAt?: number;
  toldIn?: string;
}

/** A constructor that gives back what it was given lets a class below it add its private field to that. */
class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: it is what this class is for
    return object as Given;
  }
}

class Annotated extends Given {
  readonly #notes: ErrorNotes = {};

  static read(object: object): ErrorNotes | undefined {
    return #notes in object ? object.#notes : undefined;
  }
}

interface Notebook {
  read(object: object): ErrorNotes | undefined;
  /** The notes of the object, made on first use. */
  open(object: object): ErrorNotes;
}

/** Each copy of Sonde has a private field of its own, so all use that of the first. */
export const errorNotes: Notebook = shared('logs.error-notes', () => {
  // For objects that take no field: engines may refuse those that are not extensible.
  const others = new WeakMap<object, ErrorNotes>();
  const read = (object: object): ErrorNotes | undefined => Annotated.read(object) ?? others.get(object);
  return {
    read,
    open(object) {
      const found = read(object);
      if (found !== undefined) return found;
      try {
        new Annotated(object);
      } catch {
        others.set(object, {});
      }
      return read(object)!;
    },
  };
});
