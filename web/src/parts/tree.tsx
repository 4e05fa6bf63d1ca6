/** A tree whose branches open and close, moved through by arrow keys and by typing the beginning of a name. */
import { createTreeCollection, TreeView as Ark } from '@ark-ui/solid/tree-view';
import { createComputed, createMemo, For, type JSX, Show } from 'solid-js';
import { createStore, reconcile } from 'solid-js/store';

export interface TreeItem {
  /** Unique in the tree. */
  readonly id: string;
  /** For typing ahead. */
  readonly name: string;
  /** Absent: a leaf. */
  readonly children?: readonly TreeItem[];
}

export interface TreeProps {
  readonly label: string;
  readonly items: readonly TreeItem[];
  readonly line: (id: string) => JSX.Element;
  readonly openIds: readonly string[];
  readonly onOpenIds: (ids: string[]) => void;
  readonly selectedId: string | null;
  readonly onSelect: (id: string) => void;
}

export function Tree(props: TreeProps) {
  // Items keep their identities over new data, and with them their elements and the focus.
  const [state, setState] = createStore<{ items: TreeItem[] }>({ items: [] });
  createComputed(() => setState('items', reconcile([...props.items], { key: 'id' })));
  const shape = createMemo(() => JSON.stringify(props.items));
  const collection = createMemo(() => {
    const items = JSON.parse(shape()) as TreeItem[];
    return createTreeCollection<TreeItem>({
      nodeToValue: ({ id }) => id,
      nodeToString: ({ name }) => name,
      rootNode: { id: '', name: '', children: items },
    });
  });
  return (
    <Ark.Root
      collection={collection()}
      expandedValue={[...props.openIds]}
      onExpandedChange={({ expandedValue }) => props.onOpenIds(expandedValue)}
      selectedValue={props.selectedId === null ? [] : [props.selectedId]}
      onSelectionChange={({ selectedValue: [id] }) => {
        if (id !== undefined) props.onSelect(id);
      }}
      lazyMount
      unmountOnExit
    >
      <Ark.Label class="hidden">{props.label}</Ark.Label>
      <Ark.Tree>
        <For each={state.items}>{(item, index) => <Node item={item} indexPath={[index()]} line={props.line} />}</For>
      </Ark.Tree>
    </Ark.Root>
  );
}

const Node = (props: { item: TreeItem; indexPath: number[]; line: TreeProps['line'] }): JSX.Element => (
  <Ark.NodeProvider node={props.item} indexPath={props.indexPath}>
    <Show
      when={props.item.children}
      fallback={
        <Ark.Item class="tree-line" data-id={props.item.id}>
          {props.line(props.item.id)}
        </Ark.Item>
      }
    >
      {(children) => (
        <Ark.Branch class="tree-branch">
          <Ark.BranchControl class="tree-line" data-id={props.item.id}>
            <Ark.BranchIndicator class="tree-indicator" aria-hidden="true">
              ▸
            </Ark.BranchIndicator>
            {props.line(props.item.id)}
          </Ark.BranchControl>
          <Ark.BranchContent class="tree-branch-content">
            <For each={children()}>
              {(child, index) => <Node item={child} indexPath={[...props.indexPath, index()]} line={props.line} />}
            </For>
          </Ark.BranchContent>
        </Ark.Branch>
      )}
    </Show>
  </Ark.NodeProvider>
);
