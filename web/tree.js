/** The supervision tree, compact: state, restarts, mailbox of each actor. */
import { el, plural, setText } from './format.js';

/** @typedef {import('../src/runtime/inspect.ts').TreeSnapshot} TreeSnapshot */

export class Tree {
  #root;
  #letters;
  /** Rows by path, reused so that a refresh changes only text. @type {Map<string, Row>} */
  #rows = new Map();

  /** @param {HTMLElement} root @param {HTMLElement} letters */
  constructor(root, letters) {
    this.#root = root;
    this.#letters = letters;
  }

  /** @param {{ tree: TreeSnapshot, deadLetters: { total: number } }} reply */
  show({ tree, deadLetters }) {
    /** @type {Set<string>} */
    const present = new Set();
    this.#place(this.#root, [tree], present);
    for (const [path, row] of this.#rows) {
      if (present.has(path)) continue;
      row.item.remove();
      this.#rows.delete(path);
    }
    setText(this.#letters, deadLetters.total === 0 ? '' : plural(deadLetters.total, 'dead letter'));
  }

  /** @param {HTMLElement} list @param {readonly TreeSnapshot[]} nodes @param {Set<string>} present */
  #place(list, nodes, present) {
    for (const [index, node] of nodes.entries()) {
      present.add(node.path);
      let row = this.#rows.get(node.path);
      if (row === undefined) this.#rows.set(node.path, (row = new Row(node)));
      if (list.children[index] !== row.item) list.insertBefore(row.item, list.children[index] ?? null);
      row.update(node);
      if (node.type === 'supervisor') this.#place(row.children, node.children, present);
    }
  }
}

class Row {
  item = el('li');
  children = el('ul');
  #dot = el('span', { class: 'dot' });
  #name = el('span', { class: 'node' });
  #facts = el('span', { class: 'facts muted' });
  #failure = el('p', { class: 'failure' });

  /** @param {TreeSnapshot} node */
  constructor(node) {
    const line = el('span', { class: 'line' }, this.#dot, this.#name, this.#facts);
    if (node.type === 'supervisor')
      this.item.append(el('details', { open: '' }, el('summary', {}, line), this.children));
    else this.item.append(line, this.#failure);
  }

  /** @param {TreeSnapshot} node */
  update(node) {
    this.#dot.dataset['state'] = node.state;
    this.#dot.title = node.state;
    setText(this.#name, node.path === '/' ? 'Gantry' : (node.path.split('/').at(-1) ?? node.path));
    this.#name.title = node.path;
    /** @type {string[]} */
    const facts = node.state === 'running' ? [] : [node.state];
    if (node.restarts > 0) facts.push(plural(node.restarts, 'restart'));
    if (node.type === 'actor') {
      facts.push(`${node.mailbox.depth}/${node.mailbox.capacity}`);
      const lost = node.mailbox.dropped + node.mailbox.refused;
      if (lost > 0) facts.push(`${lost} dropped`);
      const mailbox = `mailbox ${node.mailbox.depth} of ${node.mailbox.capacity}`;
      this.#facts.title = `${node.kind}, ${node.placement}; ${mailbox}; ${node.processed} messages processed`;
    } else facts.push(plural(node.children.length, 'child', 'children'));
    setText(this.#facts, facts.join(' · '));
    const failing = node.lastFailure !== null && node.state !== 'running';
    setText(this.#failure, failing && node.lastFailure !== null ? node.lastFailure.message : '');
    this.#failure.hidden = !failing;
  }
}
