// Viewer request, runtime cloudfront-js-2.0. A page of the application ("/recipes/7") is not a file of its own, so
// whatever has no extension is answered with index.html, which routes it in the browser. A missing file stays missing.
function handler(event) {
  const request = event.request;
  const isFile = request.uri.split('/').pop().includes('.');
  // Files below /.well-known/ have fixed names, often without an extension (RFC 8615).
  if (!isFile && !request.uri.startsWith('/.well-known/')) {
    request.uri = '/index.html';
  }
  return request;
}
