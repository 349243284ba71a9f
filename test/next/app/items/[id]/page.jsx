import { getLogger } from 'sonde';

const log = getLogger('shop.items');

export default async function Page({ params }) {
  const { id } = await params;
  log.info('item shown', { id });
  return <p>item {id}</p>;
}
