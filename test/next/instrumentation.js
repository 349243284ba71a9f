export async function register() {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return;
  const { init } = await import('sonde');
  init();
}
