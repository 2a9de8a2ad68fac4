CREATE TABLE studies (study_id INTEGER, study_name TEXT);
CREATE TABLE study_directions (study_id INTEGER, direction TEXT, objective INTEGER);
CREATE TABLE study_user_attributes (study_id INTEGER, key TEXT, value_json TEXT);
CREATE TABLE study_system_attributes (study_id INTEGER, key TEXT, value_json TEXT);
CREATE TABLE trials (trial_id INTEGER, study_id INTEGER, state TEXT);
CREATE TABLE trial_params (trial_id INTEGER, param_name TEXT, param_value REAL, distribution_json TEXT);
CREATE TABLE trial_user_attributes (trial_id INTEGER, key TEXT, value_json TEXT);
CREATE TABLE trial_values (trial_id INTEGER, objective INTEGER, value REAL, value_type TEXT);
INSERT INTO studies VALUES (1, 'cora');
INSERT INTO study_directions VALUES (1, 'MAXIMIZE', 0);
INSERT INTO study_user_attributes VALUES (1, 'classes', '7');
INSERT INTO trials VALUES (1, 1, 'COMPLETE'), (2, 1, 'FAIL');
INSERT INTO trial_params VALUES
  (1, 'op', 1.0, '{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "sqrt"]}}'),
  (1, 'width', 64.0, '{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 64, "high": 256}}'),
  (1, 'depth', 2.0, '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}'),
  (1, 'rate', 0.01, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}');
INSERT INTO trial_values VALUES (1, 0, 0.5, 'FINITE');
