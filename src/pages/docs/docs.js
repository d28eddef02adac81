/** The documentation: Swagger UI with the document of this origin, whose requests to pay name a booking that nobody has paid yet. */

/** @typedef {{ value: { booking_id: string } }} PaymentExample */

/** @returns {Promise<unknown>} */
async function readDocument() {
  const answer = await fetch('/openapi.json');
  if (!answer.ok) throw new Error(`/openapi.json is ${answer.status}`);
  const spec = await answer.json();
  /** @type {Record<string, PaymentExample>} */
  const examples = spec.paths['/payment/process'].post.requestBody.content['application/json'].examples;
  // A booking is paid once: with the bookings of the document, only its first reader could.
  for (const example of Object.values(examples)) example.value.booking_id = `BOOK-${crypto.randomUUID().slice(0, 8)}`;
  return spec;
}

/** @param {unknown} spec */
function show(spec) {
  // @ts-expect-error: Swagger UI's own script defines it
  window.SwaggerUIBundle({
    dom_id: '#api',
    spec,
    deepLinking: true,
    displayRequestDuration: true,
    // Nothing is asked of another origin.
    validatorUrl: null,
    defaultModelsExpandDepth: 0,
  });
}

const prefersDark = matchMedia('(prefers-color-scheme: dark)');

/** Swagger UI has dark colours, and no button for them without the bar that this page leaves out. */
function adopt() {
  document.documentElement.classList.toggle('dark-mode', prefersDark.matches);
}

adopt();
prefersDark.addEventListener('change', adopt);
readDocument()
  .then(show)
  .catch((error) => {
    const api = document.getElementById('api');
    if (api !== null) api.textContent = `The documentation cannot be shown: ${error.message}. Load the page again.`;
  });
