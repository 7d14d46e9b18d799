-- What the service stored when 0005_texts was its schema: rows of every kind in every table.
DELETE FROM category;
INSERT INTO category (id, name, name_key, name_plain, type, visibility, description, icon, system_default, slug, created, updated) VALUES
  (2, 'Default', 'default', 'default', 'client', 'everyone', NULL, NULL, 'yes', 'default', '2026-06-15T09:30:00.657000Z', '2026-06-15T09:30:00.657000Z'),
  (3, 'Écoles', 'écoles', 'ecoles', 'client', 'everyone', 'Schools; ''all'' of them', NULL, 'no', 'écoles', '2026-06-15T09:30:00.665296Z', '2026-06-15T09:30:00.684545Z');
INSERT INTO client (id, company_name, name_key, description, status, phone, website, vat, category_id, billing_street, billing_city, billing_state, billing_zip, billing_country, billing_invoice_due_days, shipping_street, shipping_city, shipping_state, shipping_zip, shipping_country, created, updated, words, name_match, vat_match, phone_match) VALUES
  (1, 'Acme Inc', 'acme inc', 'Key account.
Two lines.', 'active', NULL, NULL, NULL, 2, NULL, NULL, NULL, NULL, NULL, 7, NULL, NULL, NULL, NULL, NULL, '2026-06-15T09:30:00.688347Z', '2026-06-15T09:30:00.688347Z', 'acme inc
key account.
two lines.', 'acme', NULL, NULL),
  (2, 'École 東京', 'ecole 東京', NULL, 'suspended', NULL, NULL, NULL, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Łódź', NULL, NULL, NULL, '2026-06-15T09:30:00.693450Z', '2026-06-15T09:30:00.695210Z', 'ecole 東京', 'ecole東京', NULL, NULL);
INSERT INTO user (id, type, client_id, first_name, first_name_key, last_name, last_name_key, email, email_key, phone, job_position, account_owner, status, role_id, facebook, twitter, linkedin, github, dribbble, created, updated, words, domain_match) VALUES
  (1, 'team', NULL, 'Ann', 'ann', 'Lee', 'lee', 'ann@team.example', 'ann@team.example', NULL, NULL, 'no', 'active', 1, NULL, NULL, NULL, NULL, NULL, '2026-06-15T09:30:00.681665Z', '2026-06-15T09:30:00.681665Z', 'ann lee
ann@team.example', 'team.example'),
  (2, 'client', 1, 'Jane', 'jane', 'Doe', 'doe', 'Jane@acme.example', 'jane@acme.example', NULL, NULL, 'yes', 'active', 2, NULL, NULL, NULL, NULL, NULL, '2026-06-15T09:30:00.688347Z', '2026-06-15T09:30:00.688347Z', 'jane doe
jane@acme.example', 'acme.example'),
  (3, 'client', 2, 'Łukasz', 'lukasz', 'Żak', 'zak', 'l@ecole.example', 'l@ecole.example', NULL, NULL, 'yes', 'active', 2, NULL, NULL, NULL, NULL, NULL, '2026-06-15T09:30:00.693450Z', '2026-06-15T09:30:00.693450Z', 'lukasz zak
l@ecole.example', 'ecole.example'),
  (4, 'client', 1, 'Gone', 'gone', 'Person', 'person', 'gone@acme.example', NULL, NULL, NULL, 'no', 'deleted', 2, NULL, NULL, NULL, NULL, NULL, '2026-06-15T09:30:00.696509Z', '2026-06-15T09:30:00.698585Z', NULL, NULL),
  (5, 'contact', NULL, 'No', 'no', 'Client', 'client', 'no@client.example', 'no@client.example', NULL, NULL, 'no', 'active', 2, NULL, NULL, NULL, NULL, NULL, '2026-06-15T09:30:00.699863Z', '2026-06-15T09:30:00.699863Z', 'no client
no@client.example', 'client.example');
INSERT INTO tag (id, title, title_key, title_plain, created, updated, words) VALUES
  (1, 'priority', 'priority', 'priority', '2026-06-15T09:30:00.689005Z', '2026-06-15T09:30:00.689005Z', 'priority'),
  (2, 'retainer', 'retainer', 'retainer', '2026-06-15T09:30:00.689219Z', '2026-06-15T09:30:00.689219Z', 'retainer');
INSERT INTO client_tag (client_id, tag_id, position) VALUES
  (1, 1, 0),
  (1, 2, 1),
  (2, 1, 0);
INSERT INTO category_user (category_id, user_id) VALUES
  (3, 1);
INSERT INTO custom_field (id, name, title, type, required, options, position, created, updated) VALUES
  (1, 'client_custom_field_1', 'Account code', 'text', 'no', '[]', 1, '2026-06-15T09:30:00.677835Z', '2026-06-15T09:30:00.677835Z'),
  (2, 'client_custom_field_2', 'Seats', 'number', 'no', '[]', 2, '2026-06-15T09:30:00.680493Z', '2026-06-15T09:30:00.680493Z');
INSERT INTO custom_value (client_id, field_id, value) VALUES
  (1, 1, 'A-1'),
  (1, 2, 42);
INSERT INTO api_key (id, name, prefix, hash, scope, expires, last_used, revoked, created, updated) VALUES
  (1, 'Nightly import', 'ck_of_every', 'dd74940040205a67bda7f5930f1e63a7445baf817e648e569cfc9a2d35fcf536', 'admin', NULL, '2026-06-15T09:30:00.664549Z', NULL, '2026-06-15T09:30:00.660307Z', '2026-06-15T09:30:00.660307Z');
INSERT INTO idempotency (caller, key, fingerprint, status, headers, body, created) VALUES
  ('ck_of_every', 'first', 'd83cde23059765993dd7209cb783698f', 201, '{"Location":"/api/clients/1","ETag":"\"b78e238008a174aa303cde8d8ad8f41e\""}', X'7b2264617461223a7b226964223a312c22636f6d70616e795f6e616d65223a2241636d6520496e63222c226465736372697074696f6e223a224b6579206163636f756e742e5c6e54776f206c696e65732e222c22737461747573223a22616374697665222c2270686f6e65223a6e756c6c2c2277656273697465223a6e756c6c2c22766174223a6e756c6c2c2263617465676f7279223a7b226964223a322c226e616d65223a2244656661756c74227d2c226f776e6572223a7b226964223a322c226e616d65223a224a616e6520446f65227d2c2262696c6c696e67223a7b22737472656574223a6e756c6c2c2263697479223a6e756c6c2c227374617465223a6e756c6c2c227a6970223a6e756c6c2c22636f756e747279223a6e756c6c2c22696e766f6963655f6475655f64617973223a377d2c227368697070696e67223a7b22737472656574223a6e756c6c2c2263697479223a6e756c6c2c227374617465223a6e756c6c2c227a6970223a6e756c6c2c22636f756e747279223a6e756c6c7d2c226461746573223a7b2263726561746564223a22323032362d31312d32325431383a35343a31382e3638383334375a222c2275706461746564223a22323032362d31312d32325431383a35343a31382e3638383334375a227d2c2274616773223a5b227072696f72697479222c2272657461696e6572225d2c22637573746f6d5f6669656c6473223a7b22636c69656e745f637573746f6d5f6669656c645f31223a22412d31222c22636c69656e745f637573746f6d5f6669656c645f32223a34327d7d2c226d657373616765223a22436c69656e742063726561746564207375636365737366756c6c792e227d', '2026-06-15T09:30:00.691404Z');
INSERT INTO mail (id, template, recipient, context, status, attempts, due, error, created, updated) VALUES
  (1, 'welcome', 'Jane@acme.example', '{"first_name": "Jane", "last_name": "Doe", "company_name": "Acme Inc"}', 'pending', 0, '2026-06-15T09:30:00.689501Z', NULL, '2026-06-15T09:30:00.689501Z', '2026-06-15T09:30:00.689501Z');
INSERT INTO event (id, time, object, action, object_id, client_id, actor_type, actor_id, actor_name, request_id, clients, undoes, changes, nonce) VALUES
  (1, '2026-06-15T09:30:00.688347Z', 'tag', 'created', 1, NULL, 'key', 1, 'Ümlaut', '5f2c9a1e0b7d4c63', NULL, NULL, '{"id":[null,1],"title":[null,"priority"]}', '9f3a21c4'),
  (2, '2026-06-15T09:30:00.695210Z', 'client', 'updated', 2, 2, 'host', NULL, 'jane', NULL, NULL, NULL, '{"status":["active","suspended"]}', '00000001'),
  (3, '2026-06-15T09:30:00.698585Z', 'contact', 'deleted', 4, 1, 'command', NULL, 'import', NULL, NULL, NULL, '{"first_name":["Gone",null]}', 'ffffffff'),
  (4, '2026-06-15T09:30:00.699863Z', 'tag', 'updated', 2, NULL, 'key', 1, 'Ümlaut', 'a', 1, 2, NULL, '0a0b0c0d');
INSERT INTO event_undo (event_id, expires, data) VALUES
  (3, '2026-07-15T09:30:00.698585Z', X'789c');
INSERT INTO webhook (id, url, types, status, event_id, nonce, epoch, former_epoch, is_overtaken, tries, refusals, failing_since, retry_at, skipped, last_time, last_event_id, last_status, last_error, created, updated) VALUES
  (1, 'https://n8n.example/hook/7', '["client.*"]', 'active', 2, '00000001', 1781515800000000, 1781515700000000, 0, 0, 0, NULL, NULL, '[1]', '2026-06-15T09:30:00.696509Z', 2, 204, NULL, '2026-06-15T09:30:00.688347Z', '2026-06-15T09:30:00.696509Z'),
  (2, 'https://crm.example/', '["*.*"]', 'disabled', 0, '00000000', 1781515800000001, NULL, 1, 5, 2, '2026-06-15T09:30:00.696509Z', '2026-06-15T09:31:00.696509Z', '[]', '2026-06-15T09:30:00.696509Z', 1, NULL, 'Connection refused.', '2026-06-15T09:30:00.688347Z', '2026-06-15T09:30:00.696509Z');
INSERT INTO client_merged (source_id, target_id) VALUES
  (9, 1);
