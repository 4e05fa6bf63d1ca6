// The actor that comedy loads in its thread; it wants a CommonJS module.
let handled = 0;
let sum = 0;

module.exports = {
  add(message) {
    sum += message.by;
    handled += 1;
  },
  handled: () => (sum >= 0 ? handled : Number.NaN),
  double: (n) => n * 2,
};
