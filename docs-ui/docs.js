// Starts Swagger UI on the document that the page names. In a file of its own, because the page's Content-Security-Policy allows no
// script that stands in it.
"use strict";

// Every operation names every error that it can answer with, some fifteen of them. Drawn all at once they are slow, with each key that
// is typed into a request, and bury the answers that people look for. So an error is one line until it is asked for.
function FoldedErrors(system) {
  const React = system.React;

  return {
    wrapComponents: {
      response: (Response) => function FoldedResponse(props) {
        const [isOpen, open] = React.useState(false);

        if (isOpen || !/^[45]/.test(props.code)) return React.createElement(Response, props);
        return React.createElement("tr", { className: "response", "data-code": props.code },
          React.createElement("td", { className: "response-col_status" }, props.code),
          React.createElement("td", { className: "response-col_description", colSpan: 2 },
            React.createElement("button", { type: "button", className: "folded", onClick: () => open(true) },
              props.response.get("description") || "Error")));
      },
    },
  };
}

const place = document.getElementById("swagger-ui");

window.ui = SwaggerUIBundle({
  domNode: place,
  url: place.dataset.document,
  plugins: [FoldedErrors],
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null, // its badge would ask another host
});
