// Starts the Studio page.
import { render } from 'preact';
import { startStudio } from './studio/studio.js';
import { StudioView } from './view/studio-view.js';

const root = document.getElementById('studio');
if (root !== null) render(<StudioView />, root);
startStudio();
