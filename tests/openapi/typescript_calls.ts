// What a program does with the types that openapi-typescript makes of openapi.json; tsc reads it.
import type { components, operations, paths } from "./schema";

type Client = components["schemas"]["Client"];
type Listed = paths["/api/clients"]["get"]["responses"][200]["content"]["application/json"];
type Filters = NonNullable<operations["list_clients"]["parameters"]["query"]>;
type NewClient = operations["create_client"]["requestBody"]["content"]["application/json"];

export function describe(client: Client): string {
  const owner: string = client.owner === null ? "nobody" : client.owner.name;
  const days: number | null = client.billing.invoice_due_days;
  const contacts: components["schemas"]["Contact"][] = client.contacts ?? [];
  return `${client.id} ${client.company_name}: ${owner}, ${days}, ${contacts.length}, ${client.tags}`;
}

export function next({ data, meta }: Listed): string | null | undefined {
  return data.length === 0 ? null : meta.next_cursor;
}

export const filters: Filters = { status: "active", tag: ["priority"], category_id: 2, cursor: "" };

export const client: NewClient = {
  first_name: "Jane",
  last_name: "Doe",
  email: "jane@acme.example",
  client_categoryid: 2,
  client_phone: null,
  tags: ["priority"],
  send_email: "yes",
};

export const form: operations["create_client"]["requestBody"]["content"]["multipart/form-data"] =
  client;

// @ts-expect-error: a status is one of two words
export const wrong: Filters = { status: "maybe" };
