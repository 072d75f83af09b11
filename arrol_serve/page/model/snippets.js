/** A request as commands that people can run. No DOM. */

/** For a shell. `base`: the API's root, such as `http://127.0.0.1:8000/v1/`. */
export function curl(body, base, hasKey) {
  const key = hasKey ? ` \\\n  -H "Authorization: Bearer $ARROL_KEY"` : "";
  const json = JSON.stringify(body, null, 2).replaceAll("'", `'"'"'`);
  return `curl ${base}chat/completions${key} \\\n  -H 'Content-Type: application/json' \\\n  -d '${json}'\n`;
}

/** For Python with the `openai` package. The key stays in the environment. */
export function python(body, base, hasKey) {
  const { arrol, model, messages, ...others } = body;
  const key = hasKey ? `os.environ["ARROL_KEY"]` : `"unused"`;
  const named = Object.entries(others).map(([name, value]) => `    ${name}=${literal(value)},\n`);
  return [
    hasKey ? "import os\n\n" : "",
    "from openai import OpenAI\n\n",
    `client = OpenAI(base_url=${literal(base.replace(/\/$/, ""))}, api_key=${key})\n`,
    "reply = client.chat.completions.create(\n",
    `    model=${literal(model)},\n`,
    `    messages=${literal(messages)},\n`,
    ...named,
    `    extra_body={"arrol": ${literal(arrol)}},\n`,
    ")\n",
    "print(reply.choices[0].message.content)\n",
    arrol ? `print(reply.arrol["answer"], reply.arrol["confidence"], reply.arrol["votes"])\n` : "",
  ].join("");
}

/** A JSON value in Python's spelling. */
export function literal(value) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([key, item]) => `${literal(key)}: ${literal(item)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}
