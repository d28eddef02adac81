/** The seat map: one stop of the Tab key, in which the arrow keys move. */
import { element } from './element.js';

const ROWS = ['A', 'B', 'C', 'D', 'E', 'F'];
const SEATS_PER_ROW = 8;
/** Behind this seat of a row is the aisle. */
const AISLE_BEHIND = 4;
const TAKEN = new Set(['A3', 'A4', 'B6', 'B7', 'C1', 'D4', 'D5', 'E2', 'E7', 'E8', 'F5']);

/** @type {Readonly<Record<string, [rows: number, seats: number]>>} */
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * Draws the map.
 *
 * @param {HTMLElement} map
 * @param {() => void} onChange
 */
export function drawSeats(map, onChange) {
  for (const row of ROWS) {
    map.append(element('span', { class: 'row', 'aria-hidden': 'true' }, row));
    for (let number = 1; number <= SEATS_PER_ROW; number += 1) {
      const name = `${row}${number}`;
      const isTaken = TAKEN.has(name);
      map.append(
        element('input', {
          type: 'checkbox',
          name: 'seat',
          value: name,
          class: 'seat',
          'aria-label': `Row ${row}, seat ${number}${isTaken ? ', taken' : ''}`,
          'aria-describedby': 'seat-hint',
          title: isTaken ? `${name} is taken` : name,
          disabled: isTaken,
          tabindex: '-1',
        }),
      );
      if (number === AISLE_BEHIND) map.append(element('span'));
    }
  }
  stopAt(map, freeSeats(map)[0]);
  map.addEventListener('change', onChange);
  map.addEventListener('focusin', ({ target }) => stopAt(map, target));
  map.addEventListener('keydown', (event) => {
    const move = MOVES[event.key];
    if (move === undefined || !(event.target instanceof HTMLInputElement)) return;
    event.preventDefault();
    seatFrom(map, event.target.value, move)?.focus();
  });
}

/** @param {HTMLElement} map */
export function chosenSeats(map) {
  return seatsOf(map)
    .filter(({ checked }) => checked)
    .map(({ value }) => value);
}

/**
 * @param {HTMLElement} map
 * @param {readonly string[]} chosen
 */
export function chooseSeats(map, chosen) {
  for (const seat of seatsOf(map)) seat.checked = chosen.includes(seat.value);
}

/** @param {HTMLElement} map */
export function focusSeats(map) {
  freeSeats(map)
    .find(({ tabIndex }) => tabIndex === 0)
    ?.focus();
}

/**
 * The next free seat in this direction, or null.
 *
 * @param {HTMLElement} map
 * @param {string} from
 * @param {[rows: number, seats: number]} move
 */
function seatFrom(map, from, [rows, seats]) {
  let row = ROWS.indexOf(from.charAt(0)) + rows;
  let number = Number(from.slice(1)) + seats;
  while (row >= 0 && row < ROWS.length && number >= 1 && number <= SEATS_PER_ROW) {
    const found = freeSeats(map).find(({ value }) => value === `${ROWS[row]}${number}`);
    if (found !== undefined) return found;
    row += rows;
    number += seats;
  }
  return null;
}

/**
 * @param {HTMLElement} map
 * @param {EventTarget | null | undefined} stop
 */
function stopAt(map, stop) {
  for (const seat of seatsOf(map)) seat.tabIndex = seat === stop ? 0 : -1;
}

/** @param {HTMLElement} map */
function seatsOf(map) {
  return [...map.querySelectorAll('input')];
}

/** @param {HTMLElement} map */
function freeSeats(map) {
  return seatsOf(map).filter(({ value }) => !TAKEN.has(value));
}
