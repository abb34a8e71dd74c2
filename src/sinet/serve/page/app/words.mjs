// What the page says, in five languages, and which of them this reader has.

export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español", zh: "中文" };

const TABLE = {
  photo: ["Photo", "Foto", "Photo", "Foto", "照片"],
  camera: ["Camera", "Kamera", "Caméra", "Cámara", "摄像头"],
  language: ["Language", "Sprache", "Langue", "Idioma", "语言"],
  promise: ["A person cut out of any photo. It stays on this device.", "Ein Mensch, aus jedem Foto ausgeschnitten. Es bleibt auf diesem Gerät.", "Une personne détourée de toute photo, qui reste sur cet appareil.", "Una persona recortada de cualquier foto, que se queda en este dispositivo.", "从任何照片中抠出人像，照片不会离开本设备。"],
  choose: ["Choose a photo", "Foto auswählen", "Choisir une photo", "Elegir una foto", "选择照片"],
  drop: ["or drop one here, or paste one", "oder hierher ziehen, oder einfügen", "ou déposez-la ici, ou collez-la", "o suéltela aquí, o péguela", "或拖放到此处，或粘贴"],
  compare: ["Before", "Vorher", "Avant", "Antes", "原图"],
  zoom: ["Zoom", "Zoom", "Zoom", "Zoom", "缩放"],
  smaller: ["Smaller", "Kleiner", "Plus petit", "Más pequeño", "缩小"],
  larger: ["Larger", "Größer", "Plus grand", "Más grande", "放大"],
  whole: ["All of it", "Ganz", "Entière", "Entera", "全图"],
  background: ["Background", "Hintergrund", "Arrière-plan", "Fondo", "背景"],
  none: ["None", "Keiner", "Aucun", "Ninguno", "无"],
  blur: ["Blurred", "Unscharf", "Flou", "Desenfocado", "虚化"],
  colour: ["Colour", "Farbe", "Couleur", "Color", "颜色"],
  picture: ["Picture", "Bild", "Image", "Imagen", "图片"],
  another: ["Choose a picture", "Bild auswählen", "Choisir une image", "Elegir una imagen", "选择图片"],
  strength: ["Strength", "Stärke", "Intensité", "Intensidad", "强度"],
  png: ["Save as PNG", "Als PNG sichern", "Enregistrer en PNG", "Guardar como PNG", "保存为 PNG"],
  webp: ["Save as WebP", "Als WebP sichern", "Enregistrer en WebP", "Guardar como WebP", "保存为 WebP"],
  again: ["Another photo", "Anderes Foto", "Autre photo", "Otra foto", "换一张"],
  start: ["Start the camera", "Kamera starten", "Démarrer la caméra", "Iniciar la cámara", "打开摄像头"],
  stop: ["Stop", "Anhalten", "Arrêter", "Parar", "停止"],
  device: ["Camera", "Kamera", "Caméra", "Cámara", "摄像头"],
  mirror: ["Mirrored", "Gespiegelt", "En miroir", "Reflejada", "镜像"],
  pip: ["Small window", "Kleines Fenster", "Petite fenêtre", "Ventana pequeña", "小窗口"],
  local: ["Everything is computed here; nothing is sent anywhere.", "Alles wird hier berechnet; nichts wird verschickt.", "Tout est calculé ici ; rien n’est envoyé.", "Todo se calcula aquí; no se envía nada.", "一切都在本机计算，不会上传任何内容。"],
  bench: ["How fast is this device?", "Wie schnell ist dieses Gerät?", "Cet appareil est-il rapide ?", "¿Qué tan rápido es este dispositivo?", "测试本设备的速度"],
  loading: ["Loading …", "Wird geladen …", "Chargement …", "Cargando …", "加载中……"],
  working: ["Looking for the person …", "Der Mensch wird gesucht …", "Recherche de la personne …", "Buscando a la persona …", "正在查找人像……"],
  found: ["Done in {ms} ms.", "Fertig in {ms} ms.", "Terminé en {ms} ms.", "Listo en {ms} ms.", "完成，用时 {ms} 毫秒。"],
  nobody: ["Nobody was found in this photo.", "Auf diesem Foto wurde niemand gefunden.", "Personne n’a été trouvé sur cette photo.", "No se encontró a nadie en esta foto.", "这张照片中没有找到人。"],
  view: ["The photo, {w} by {h} pixels, with its background: {background}. Arrow keys move it, + and − zoom.", "Das Foto, {w} mal {h} Pixel, Hintergrund: {background}. Pfeiltasten verschieben, + und − vergrößern und verkleinern.", "La photo, {w} sur {h} pixels, arrière-plan : {background}. Les flèches la déplacent, + et − changent le zoom.", "La foto, {w} por {h} píxeles, fondo: {background}. Las flechas la mueven, + y − cambian el zoom.", "照片，{w}×{h} 像素，背景：{background}。方向键移动，+ 和 − 缩放。"],
  unreadable: ["This file is no picture that the browser can read: {name}. Take a JPEG, PNG or WebP.", "Diese Datei ist kein Bild, das der Browser lesen kann: {name}. Nehmen Sie JPEG, PNG oder WebP.", "Ce fichier n’est pas une image lisible par le navigateur : {name}. Prenez du JPEG, PNG ou WebP.", "Este archivo no es una imagen que el navegador pueda leer: {name}. Use JPEG, PNG o WebP.", "浏览器无法读取此文件：{name}。请使用 JPEG、PNG 或 WebP。"],
  refused: ["The camera may not be used. Allow it in the browser’s settings for this page, then start it again.", "Die Kamera darf nicht benutzt werden. Erlauben Sie sie in den Einstellungen des Browsers für diese Seite und starten Sie sie neu.", "L’accès à la caméra est refusé. Autorisez-le pour cette page dans le navigateur, puis relancez.", "No se permite usar la cámara. Permítala para esta página en el navegador e iníciela de nuevo.", "无法使用摄像头。请在浏览器中允许本页使用，然后重试。"],
  nocamera: ["No camera was found. Connect one, then start it again.", "Keine Kamera gefunden. Schließen Sie eine an und starten Sie sie neu.", "Aucune caméra trouvée. Branchez-en une, puis relancez.", "No se encontró ninguna cámara. Conecte una e iníciela de nuevo.", "未找到摄像头。请连接后重试。"],
  insecure: ["Browsers give cameras only to pages from this very device or over https.", "Browser geben Kameras nur Seiten von diesem Gerät selbst oder über https.", "Les navigateurs n’ouvrent la caméra qu’aux pages locales ou en https.", "Los navegadores solo dan la cámara a páginas locales o por https.", "浏览器只允许本机页面或 https 页面使用摄像头。"],
  rate: ["{fps} frames/s, {ms} ms each", "{fps} Bilder/s, je {ms} ms", "{fps} images/s, {ms} ms chacune", "{fps} imágenes/s, {ms} ms cada una", "每秒 {fps} 帧，每帧 {ms} 毫秒"],
  trouble: ["Something went wrong: {error}", "Etwas ging schief: {error}", "Un problème est survenu : {error}", "Algo salió mal: {error}", "出错了：{error}"],
  "bench-title": ["How fast is this device?", "Wie schnell ist dieses Gerät?", "Cet appareil est-il rapide ?", "¿Qué tan rápido es este dispositivo?", "本设备有多快？"],
  "bench-about": ["For ten seconds, pictures of 1280 × 720 pixels get a blurred background, as fast as they can.", "Zehn Sekunden lang bekommen Bilder von 1280 × 720 Pixeln einen unscharfen Hintergrund, so schnell es geht.", "Pendant dix secondes, des images de 1280 × 720 pixels reçoivent un arrière-plan flou, aussi vite que possible.", "Durante diez segundos, imágenes de 1280 × 720 píxeles reciben un fondo desenfocado, lo más rápido posible.", "在十秒内，尽可能快地为 1280 × 720 像素的图像虚化背景。"],
  measure: ["Measure", "Messen", "Mesurer", "Medir", "开始测试"],
  copy: ["Copy the result", "Ergebnis kopieren", "Copier le résultat", "Copiar el resultado", "复制结果"],
  copied: ["Copied.", "Kopiert.", "Copié.", "Copiado.", "已复制。"],
  result: ["Result as JSON", "Ergebnis als JSON", "Résultat en JSON", "Resultado en JSON", "JSON 结果"],
  step: ["Step", "Schritt", "Étape", "Paso", "步骤"],
  median: ["Median, ms", "Median, ms", "Médiane, ms", "Mediana, ms", "中位数，毫秒"],
  fps: ["{fps} frames a second", "{fps} Bilder in der Sekunde", "{fps} images par seconde", "{fps} imágenes por segundo", "每秒 {fps} 帧"],
  back: ["Back to the photo", "Zurück zum Foto", "Retour à la photo", "Volver a la foto", "返回照片"],
};

const codes = Object.keys(LANGUAGES);
const KEY = "sinet.language";
let current = chosen();

function chosen() {
  const wished = [remembered(), ...navigator.languages].map((name) => name?.slice(0, 2).toLowerCase());
  return wished.find((code) => codes.includes(code)) ?? "en";
}

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage may be forbidden
  }
}

/** @returns {string} the sentence, its {gaps} filled. */
export function say(word, gaps = {}) {
  const sentence = TABLE[word][codes.indexOf(current)];
  return sentence.replace(/\{(\w+)\}/g, (_, name) => gaps[name]);
}

/** Write every word of the page, offer the languages in `select`, and write again when another is taken. */
export function speak(select, changed = () => {}) {
  select.replaceChildren(...codes.map((code) => new Option(LANGUAGES[code], code, false, code === current)));
  select.onchange = () => {
    current = select.value;
    try {
      localStorage.setItem(KEY, current);
    } catch {
      // forgotten with the page
    }
    write();
    changed();
  };
  write();
}

function write() {
  document.documentElement.lang = current;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
}
