// The store's process: has the data file open, reads and commits what it is asked to.
import { serveParent } from '../../native-host/serve-parent.js';
import { StoreError } from '../store-error.js';
import { LmdbStore } from './lmdb-store.js';
import type { StoreAnswer, StoreRead, StoreRequest, StoreWork } from './store-work.js';

let store: LmdbStore | undefined;
/** Whether LMDB has met pages that it did not write: what it would do next is not known. */
let isDamaged = false;

serveParent<StoreWork>({
  async load({ folder }) {
    // The server holds the folder.
    store = await LmdbStore.open(folder, { isGuest: true });
  },
  async run(request) {
    if (store === undefined) throw new Error('no store is open');
    const opened = store;
    try {
      if (request.type === 'commit') return await commit(opened, request);
      return await Promise.all(request.asked.map((asked) => read(opened, asked)));
    } catch (error) {
      isDamaged ||= error instanceof StoreError && error.code === 'store_damaged';
      throw error;
    }
  },
  codeOf: (error) => (error instanceof StoreError ? error.code : 'failed'),
  isLost: () => isDamaged,
  close: async () => store?.close(),
});

function commit(store: LmdbStore, { receipt, asked }: StoreRequest & { type: 'commit' }): Promise<boolean[]> {
  if (receipt !== undefined) return store.commitOnce(receipt, asked);
  return Promise.all(asked.map(({ changes, expect }) => store.commit(changes, expect)));
}

function read(store: LmdbStore, asked: StoreRead): Promise<StoreAnswer> {
  switch (asked.type) {
    case 'values':
      return store.getMany(asked.map, asked.keys);
    case 'entries':
      return store.entries(asked.map, asked.range);
    case 'keys':
      return store.keys(asked.map, asked.range);
  }
}
