export const edition = 'edition-0'
