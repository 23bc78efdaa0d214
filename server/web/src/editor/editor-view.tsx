// The whole editor: the form, the preview and the link.
import { useEffect, useRef, useState } from 'preact/hooks';
import { switchLanguage, uiLanguage } from '../i18n/language.js';
import { copyText } from '../view/copy-text.js';
import { switchTheme, theme } from '../theme.js';
import { ALIGNMENTS, POSITIONS } from '../overlay/options.js';
import { isWatching, link, options, playerUrls, previewUrl, scene, SCENES, set } from './editor-state.js';
import { CheckField, ChoiceField, ColorField, Group, OpacityField, OptionField, TextField } from './fields.js';
import { EDITOR_WORDS, type EditorWords } from './words.js';
import { serverAddress } from '../server-address.js';

/** The screen that the preview stands for, pixels. */
const SCREEN_WIDTH = 1_280;
/** The preview follows when the hand rests, milliseconds. */
const PREVIEW_DELAY_MS = 250;

export function EditorView() {
  const words = EDITOR_WORDS[uiLanguage.value];
  return (
    <>
      <header>
        <a class="home" href={serverAddress()}>
          Sotto <span>{words.studio}</span>
        </a>
        <button type="button" class="plain end" onClick={switchTheme}>
          {theme.value === 'dark' ? words.themeLight : words.themeDark}
        </button>
        <button type="button" class="plain" onClick={switchLanguage} lang={uiLanguage.value === 'en' ? 'zh-CN' : 'en'}>
          {words.otherLanguage}
        </button>
      </header>
      <main>
        <div class="intro">
          <h1>{words.title}</h1>
          <p>{words.lead}</p>
        </div>
        <div class="result">
          <Preview words={words} />
          <Link words={words} />
        </div>
        <form onSubmit={(event) => event.preventDefault()}>
          <Source words={words} />
          <Look words={words} />
        </form>
      </main>
    </>
  );
}

interface WithWords {
  readonly words: EditorWords;
}

function Source({ words }: WithWords) {
  return (
    <Group title={words.source}>
      <ChoiceField
        label={words.source}
        choices={['microphone', 'watch']}
        labels={words}
        value={isWatching.value ? 'watch' : 'microphone'}
        onChoose={(choice) => (isWatching.value = choice === 'watch')}
      />
      {isWatching.value ? (
        <TextField label={words.token} help={words.tokenHelp} name="watch" />
      ) : (
        <TextField label={words.language} help={words.languageHelp} name="language" />
      )}
    </Group>
  );
}

function Look({ words }: WithWords) {
  return (
    <>
      <Group title={words.text}>
        <TextField label={words.font} help={words.fontHelp} name="font" />
        <OptionField label={words.size} name="size" step={2} />
        <OptionField label={words.lines} name="lines" />
        <ColorField label={words.color} name="color" />
        <OptionField label={words.outline} name="outline" />
        <ColorField label={words.outlineColor} name="outlineColor" />
        <ColorField label={words.background} name="background" />
        <OpacityField label={words.opacity} />
        <CheckField label={words.uppercase} name="uppercase" />
        <CheckField label={words.mask} name="mask" />
      </Group>
      <Group title={words.place}>
        <ChoiceField
          label={words.position}
          choices={POSITIONS}
          labels={words.positions}
          value={options.value.position}
          onChoose={(value) => set('position', value)}
        />
        <ChoiceField
          label={words.align}
          choices={ALIGNMENTS}
          labels={words.alignments}
          value={options.value.align}
          onChoose={(value) => set('align', value)}
        />
        <OptionField label={words.width} name="width" step={5} />
      </Group>
      <Group title={words.time}>
        <OptionField label={words.delay} help={words.delayHelp} name="delay" step={100} />
        <OptionField label={words.hide} help={words.hideHelp} name="hide" step={500} />
      </Group>
    </>
  );
}

/** The overlay itself, with sample captions, on a small screen. */
function Preview({ words }: WithWords) {
  const box = useRef<HTMLDivElement>(null);
  const [scale, setScale] = useState(0.5);
  const [address, setAddress] = useState(previewUrl.value);
  const wanted = previewUrl.value;
  useEffect(() => {
    const timer = setTimeout(() => setAddress(wanted), PREVIEW_DELAY_MS);
    return () => clearTimeout(timer);
  }, [wanted]);
  useEffect(() => {
    if (box.current === null) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setScale(entry.contentRect.width / SCREEN_WIDTH);
    });
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return (
    <section class="preview" aria-label={words.preview}>
      <div class={`stage ${scene.value}`} ref={box}>
        <iframe
          key={`${address} ${uiLanguage.value}`}
          title={words.preview}
          src={address}
          tabIndex={-1}
          style={{ transform: `scale(${scale})` }}
        />
      </div>
      <ChoiceField
        label={words.scene}
        choices={SCENES}
        labels={words.scenes}
        value={scene.value}
        onChoose={(value) => (scene.value = value)}
      />
    </section>
  );
}

function Link({ words }: WithWords) {
  const field = useRef<HTMLInputElement>(null);
  const [isCopied, setCopied] = useState(false);
  const address = link.value;
  useEffect(() => setCopied(false), [address]);
  const copy = async (): Promise<void> => {
    // Where the browser refuses, it stays selected.
    field.current?.select();
    setCopied(await copyText(address, field.current));
  };
  return (
    <section class="link">
      <label for="link">{words.link}</label>
      <input id="link" ref={field} readOnly value={address} onFocus={({ currentTarget }) => currentTarget.select()} />
      <div class="actions">
        <button type="button" onClick={() => void copy()}>
          <span aria-live="polite">{isCopied ? words.copied : words.copy}</span>
        </button>
        <a class="button" href={address} target="_blank" rel="noreferrer">
          {words.open}
        </a>
      </div>
      <p class="hint">{words.hint}</p>
      {playerUrls.value !== undefined && (
        <div class="players">
          <h2>{words.players}</h2>
          <p class="hint">{words.playersHelp}</p>
          {playerUrls.value.map((url) => (
            <code key={url}>{url}</code>
          ))}
        </div>
      )}
    </section>
  );
}
