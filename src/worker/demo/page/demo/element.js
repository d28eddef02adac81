/** Elements of the page, made without markup in strings: what a server answers can only ever become text. */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | boolean | ((event: Event) => void)>} properties attributes, and listeners by their event's name
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * An element of demo.html.
 *
 * @template {HTMLElement} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`demo.html has no such element: ${id}`);
  return found;
}

/**
 * A list of names and values.
 *
 * @param {[name: string, value: string | null][]} entries those without a value are left out
 */
export function facts(entries) {
  const list = element('dl', { class: 'facts' });
  for (const [name, value] of entries) {
    if (value !== null) list.append(element('dt', {}, name), element('dd', {}, value));
  }
  return list;
}
