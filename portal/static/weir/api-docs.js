// Starts Swagger UI on the API's own schema; what is tried out is sent with the session and its CSRF token.
{
  const page = document.getElementById("api-docs");
  window.SwaggerUIBundle({
    url: page.dataset.schema,
    dom_id: "#api-docs",
    deepLinking: true,
    validatorUrl: null,
    requestInterceptor: (request) => {
      if (new URL(request.url, location.href).origin === location.origin) request.headers["X-CSRFToken"] = page.dataset.csrf;
      return request;
    },
  });
}
