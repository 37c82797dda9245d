// The same three requests as a Fastify service would answer them: schemas in and out, pg, its pool as it comes.
'use strict'

const fastify = require('fastify')({ logger: false })
const { Pool } = require('pg')

const columns = 'id, name, description, kind, parameters, status, version, created_at, updated_at'
const pool = new Pool({ connectionString: process.env.DATABASE_URL })

const input = {
  type: 'object',
  required: ['name', 'kind'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 100 },
    kind: { type: 'string', pattern: '^[a-z][a-z0-9_]*$', maxLength: 64 },
    description: { type: 'string', maxLength: 2000, default: '' },
    parameters: { type: 'object', additionalProperties: true, default: {} }
  }
}
const strategy = {
  type: 'object',
  properties: {
    ...input.properties,
    id: { type: 'string' },
    status: { type: 'string' },
    version: { type: 'integer' },
    created_at: { type: 'string', format: 'date-time' },
    updated_at: { type: 'string', format: 'date-time' }
  }
}

fastify.get('/health/live', { schema: { response: { 200: { type: 'object', properties: { status: { type: 'string' } } } } } },
  async () => ({ status: 'ok' }))

fastify.get('/api/v1/strategies/:id', { schema: { response: { 200: strategy } } }, async (request, reply) => {
  const found = await pool.query({ name: 'read', text: `SELECT ${columns} FROM strategies WHERE id = $1`, values: [request.params.id] })
  return found.rows[0] ?? reply.code(404).send()
})

fastify.post('/api/v1/strategies', { schema: { body: input, response: { 201: strategy } } }, async (request, reply) => {
  const { name, kind, description, parameters } = request.body
  const made = await pool.query({
    name: 'create',
    text: `INSERT INTO strategies (name, kind, description, parameters) VALUES ($1, $2, $3, $4) RETURNING ${columns}`,
    values: [name, kind, description, parameters]
  })
  reply.code(201)
  return made.rows[0]
})

fastify.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
