/** The last synchronous moment of the process, for destinations that hold something back. */

const lastActs = new Set<() => void>();

/**
 * Runs `act` when the process exits, after a crash too. One listener serves all: many destinations are no leak of
 * listeners. Gives back what takes `act` off again.
 */
export function atExit(act: () => void): () => void {
  if (lastActs.size === 0) process.on('exit', runAll);
  lastActs.add(act);
  return () => {
    lastActs.delete(act);
    if (lastActs.size === 0) process.off('exit', runAll);
  };
}

function runAll(): void {
  for (const act of lastActs) {
    try {
      act();
    } catch {
      // The others have their last moment too.
    }
  }
}
