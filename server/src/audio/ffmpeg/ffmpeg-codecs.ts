// The decoders of ffmpeg that may run: of sound, in kinds that people have. Pictures are none of our business.

const ADPCM = ['4xm', 'adx', 'ct', 'ima_qt', 'ima_wav', 'ms', 'swf', 'yamaha'].map((kind) => `adpcm_${kind}`);
const WIDTHS = ['s16', 's24', 's32', 's64', 'u16', 'u24', 'u32', 'f32', 'f64'];
const ORDERED = WIDTHS.flatMap((width) => [`pcm_${width}be`, `pcm_${width}le`]);
const PLANAR = ['s16be', 's16le', 's24le', 's32le'].map((kind) => `pcm_${kind}_planar`);
const PCM = ['s8', 'u8', 'alaw', 'mulaw', 'bluray', 'dvd'].map((kind) => `pcm_${kind}`);
const OTHERS =
  'mp1,mp1float,mp2,mp2float,mp3,mp3float,aac,aac_latm,ac3,eac3,dca,mlp,truehd,alac,flac,opus,vorbis,speex,libspeex,' +
  'g722,g726,g726le,amrnb,amrwb,ilbc,gsm,gsm_ms,truespeech,g723_1,g729,qcelp,nellymoser,wmav1,wmav2,wmapro,wmavoice,wmalossless,' +
  'wavpack,ape,tta,tak,shorten,cook,atrac3,mace3,mace6,qdm2,s302m,dvaudio';

/** As `-codec_whitelist` takes them. */
export const CODECS = [...ADPCM, ...ORDERED, ...PLANAR, ...PCM, OTHERS].join(',');
