import { edition } from './edition.js'

document.querySelector('#edition').textContent = edition
