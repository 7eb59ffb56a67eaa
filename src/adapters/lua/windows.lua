-- Reads the outcomes of a student. KEYS evidence, answers, others.
-- Returns the numbers of answers and of other outcomes, and the bytes of both; 0 and '' for none.
local numbers = redis.call('HMGET', KEYS[1], 'answers', 'others')
return {numbers[1] or '0', numbers[2] or '0', redis.call('GET', KEYS[2]) or '', redis.call('GET', KEYS[3]) or ''}
