#include "archive/phrases.h"

namespace muster::archive {

const char* const kOmittedPhrases =
    // English
    "media omitted|image omitted|photo omitted|video omitted|audio omitted|sticker omitted|"
    "gif omitted|document omitted|contact card omitted|video note omitted|video message omitted|"
    "voice message omitted|view once voice message omitted|view once message omitted|"
    "file omitted|album omitted|"
    // Spanish, Catalan
    "multimedia omitido|archivo omitido|archivos omitidos|imagen omitida|foto omitida|"
    "video omitido|vídeo omitido|audio omitido|sticker omitido|gif omitido|documento omitido|"
    "tarjeta de contacto omitida|nota de video omitida|mitjans omesos|imatge omesa|vídeo omès|"
    "àudio omès|adhesiu omès|gif omès|document omès|targeta de contacte omesa|"
    // Portuguese
    "mídia omitida|mídia oculta|arquivo de mídia oculto|ficheiro não revelado|imagem ocultada|"
    "imagem oculta|imagem não revelada|vídeo omitido|vídeo ocultado|vídeo não revelado|"
    "áudio ocultado|áudio omitido|ficheiro de áudio não revelado|figurinha omitida|"
    "sticker não revelado|gif omitido|gif omitida|gif não revelada|documento omitido|"
    "documento não revelado|cartão do contato omitido|contacto não revelado|"
    // German
    "medien ausgeschlossen|medien weggelassen|bild weggelassen|video weggelassen|"
    "audio weggelassen|sticker weggelassen|gif weggelassen|dokument weggelassen|"
    "kontaktkarte ausgelassen|kontaktkarte weggelassen|videonachricht weggelassen|"
    // French
    "médias omis|fichier omis|image absente|image omise|vidéo absente|vidéo omise|audio omis|"
    "audio absent|sticker omis|sticker absent|gif retiré|gif absent|gif omis|document manquant|"
    "document omis|fiche contact manquante|fiche contact omise|"
    // Italian
    "media omessi|media omesso|file omesso|immagine omessa|video omesso|audio omesso|"
    "sticker non incluso|sticker omesso|gif esclusa|gif omessa|documento omesso|"
    "scheda contatto omessa|"
    // Dutch, Afrikaans
    "media weggelaten|afbeelding weggelaten|video weggelaten|audio weggelaten|"
    "sticker weggelaten|gif weggelaten|document weggelaten|visitekaartje weggelaten|"
    "media weggelaat|"
    // Turkish
    "medya dahil edilmedi|medya atlanmış|görüntü dahil edilmedi|video dahil edilmedi|"
    "ses dahil edilmedi|çıkartma dahil edilmedi|gif dahil edilmedi|belge dahil edilmedi|"
    "kişi kartı dahil edilmedi|"
    // Russian, Ukrainian, Bulgarian, Serbian, Macedonian
    "без медиафайлов|файл пропущен|медиафайл пропущен|изображение отсутствует|"
    "видео отсутствует|аудиофайл отсутствует|аудио отсутствует|стикер не добавлен|"
    "стикер отсутствует|gif отсутствует|документ отсутствует|карточка контакта отсутствует|"
    "медіа пропущено|зображення відсутнє|відео відсутнє|аудіо відсутнє|наклейку не додано|"
    "gif-анімацію пропущено|документ пропущено|картка контакту відсутня|без файл|без фајл|"
    "без фајлови|медији су изостављени|"
    // Indonesian, Malay
    "media tidak disertakan|gambar tidak disertakan|video tidak disertakan|"
    "audio tidak disertakan|stiker tidak disertakan|gif tidak disertakan|"
    "dokumen tidak disertakan|kartu kontak tidak disertakan|media disingkirkan|"
    "media dikecualikan|imej tidak dimasukkan|video tidak dimasukkan|audio tidak dimasukkan|"
    "pelekat tidak disertakan|gif tidak dimasukkan|dokumen tidak dimasukkan|"
    "kad kenalan tidak dimasukkan|"
    // Arabic, Persian, Urdu, Hebrew
    "تم استبعاد الوسائط|تم استبعاد الصورة|تم استبعاد الفيديو|تم استبعاد الصوت|"
    "تم استبعاد الملصق|لم يتم إدراج الوسائط|لم يتم إدراج الصورة|"
    "لم يتم إدراج الفيديوهات|لم يتم إدراج الفيديو|لم يتم إدراج المقاطع الصوتية|"
    "تم حذف الملصقات|لم يتم إدراج الملصق|لم يتم إدراج صورة gif|لم يتم إدراج المستند|"
    "لم يتم إدراج بطاقة جهة اتصال|تصویر حذف شد|ویدیو حذف شد|صدا حذف شد|استیکر حذف شد|"
    "gif حذف شد|سند حذف شد|برگ مخاطب حذف شد|پیوست نما/آهنگ حذف شد|رسانه حذف شد|"
    "میڈیا چھوڑ دیا گیا|میڈیا ہٹا دیا گیا|תמונה הושמטה|התמונה הושמטה|המדיה לא נכללה|"
    "מדיה הושמטה|המדיה הושמטה|סרטון הווידאו הושמט|קטע קול הושמט|סטיקר הושמט|gif הושמט|"
    "מסמך הושמט|כרטיס איש קשר הושמט|"
    // Hindi, Marathi, Bengali, Gujarati and their neighbours
    "मीडिया के बिना|मीडिया छोड़ा गया|मीडिया शामिल नहीं|फ़ोटो हटाई गई|इमेज छोड़ी गई|"
    "वीडियो छोड़ा गया|ऑडियो हटाई गयी|ऑडियो छोड़ा गया|स्टिकर छोड़ा गया|gif छोड़ा गया|"
    "डॉक्यूमेंट छोड़ा गया|कॉन्टैक्ट कार्ड छोड़ा गया|मीडिया वगळले|मीडिया वगळण्यात आला|"
    "इमेज वगळली|व्हिडीओ वगळला|ऑडिओ वगळला|স্টিকার বাদ দেওয়া হয়েছে|"
    "মিডিয়া বাদ দেওয়া হয়েছে|ইমেজ বাদ দেওয়া হয়েছে|ভিডিও বাদ দেওয়া হয়েছে|"
    "অডিও বাদ দেওয়া হয়েছে|મીડિયા અવગણાયું|છબી પડતી મૂકાઈ|ਮੀਡੀਆ ਛੱਡਿਆ ਗਿਆ|"
    "மீடியா தவிர்க்கப்பட்டது|மீடியா விலக்கப்பட்டது|మీడియా విస్మరించబడింది|മീഡിയ ഒഴിവാക്കി|"
    // Japanese, Korean, Chinese
    "メディアなし|メディアは含まれていません|メディアを省略|画像は含まれていません|画像を省略|"
    "画像は省略されました|ビデオは含まれていません|動画は含まれていません|動画は省略されました|"
    "音声は含まれていません|音声メッセージは省略されました|スタンプは含まれていません|"
    "スタンプは省略されました|gifは含まれていません|gifは省略されました|"
    "ドキュメントは含まれていません|ドキュメントは省略されました|連絡先カードを省略|"
    "連絡先カードは含まれていません|미디어 파일 제외됨|미디어 파일을 생략한 대화내용|미디어 생략됨|"
    "이미지 생략됨|사진 생략됨|비디오 생략됨|동영상 생략됨|오디오 생략됨|스티커 제외됨|스티커 "
    "생략됨|"
    "gif 생략됨|문서 생략됨|연락처 카드 생략됨|忽略多媒體檔|省略多媒體檔案|省略多媒体文件|"
    "媒体文件已省略|媒体省略|省略媒体文件|已省略媒体|圖片已略去|圖像已省略|圖片已省略|照片已忽略|"
    "图片已忽略|图像已忽略|图像已省略|图片已省略|影片已略去|影片已省略|视频已忽略|视频已省略|"
    "音訊已略去|音訊已省略|語音訊息已省略|音频已忽略|音频已省略|語音已省略|贴图已省略|貼圖已略去|"
    "貼圖已忽略|貼圖已省略|表情已省略|gif 已略去|gif已省略|gif 圖片已被省略|gif 动态图已被忽略|"
    "文件已略去|文件已忽略|文档已省略|文檔已省略|文件已省略|聯絡人卡片已略去|聯絡人卡片已省略|"
    "联系人卡片已忽略|联系人名片已省略|联系人卡片已省略|"
    // Polish, Czech, Slovak, Croatian, Slovenian
    "pominięto multimedia|pliki pominięto|pominięto pliki|obraz pominięty|pominięto obraz|"
    "wideo pominięte|audio pominięte|pominięto audio|pominięto naklejkę|naklejka pominięta|"
    "plik gif pominięty|gif pominięty|dokument pominięty|pominięto dokument|"
    "pominięta wizytówka kontaktu|média vynechány|média vynechána|obrázek vynechán|"
    "video vynecháno|zvukový soubor vynechán|nálepka vynechána|gif vynechán|"
    "dokument vynechán|vizitka vynechána|médiá vynechané|obrázok vynechaný|video vynechané|"
    "zvuk vynechaný|nálepka vynechaná|gif vynechaný|dokument vynechaný|"
    "medijski zapis izostavljen|slika izostavljena|video izostavljen|zvuk izostavljen|"
    "naljepnica izostavljena|dokument izostavljen|medij izpuščen|"
    // Swedish, Danish, Norwegian, Finnish
    "media har utelämnats|media utelämnat|media utelämnad|bild utesluten|bild utelämnad|"
    "video utesluten|video utelämnad|ljud utelslutet|ljud uteslutet|ljud utelämnat|"
    "sticker utesluten|gif utesluten|dokument uteslutet|kontaktkort uteslutet|mediefil udeladt|"
    "medier udeladt|billede udeladt|video udeladt|lyd udeladt|klistermærke udeladt|"
    "gif udeladt|dokument udeladt|kontaktkort udeladt|media utelatt|uten vedlegg|"
    "bilde ikke inkludert|bilde utelatt|video utelatt|lyd utelatt|klistremerke utelatt|"
    "gif utelatt|utelatt dokument|media jätetty pois|media jätettiin pois|ei kuvaa|"
    "videota ei sisällytetä|äänitiedostoa ei sisällytetä|tarraa ei sisällytetty|"
    // Greek, Hungarian, Romanian, Vietnamese, Thai, others
    "εξαίρεση πολυμέσων|αρχείο παραλήφθηκε|εικόνα παραλείφθηκε|βίντεο παραλείφθηκε|"
    "ήχος παραλείφθηκε|αυτοκόλλητο παραλήφθηκε|έγγραφο παραλείφθηκε|hiányzó médiafájl|"
    "média elhagyva|kép kihagyva|videó kihagyva|hang kihagyása|matrica kihagyva|"
    "dokumentum kihagyva|conținut media omis|imagine omisă|clip video omis|fără audio|"
    "sticker omis|bỏ qua media|bỏ qua tệp phương tiện|đã bỏ qua hình ảnh|đã bỏ video|"
    "bỏ qua tệp âm thanh|đã bỏ sticker|đã bỏ qua tài liệu|ไฟล์สื่อถูกลบ|สื่อถูกลบ|"
    "ไม่มีรูปภาพ|วิดีโอถูกลบ|ไม่มีไฟล์เสียง|ไม่มีสติกเกอร์|ละเว้นเอกสาร|"
    "media imerukwa|media hazijajumuishwa|walang kalakip na media|bez multivides|"
    "praleistas medijos turinys|meedia ära jäetud|media hequr|fayl o‘tkazib yuborildi|"
    "файл қосылған жоқ|media çıxarılmışdır";

const char* const kAttachedPhrases =
    // In round brackets after the name (Android)
    "file attached|archivo adjunto|archivo adjuntado|arxiu adjunt|arquivo anexado|"
    "ficheiro anexado|datei angehängt|fichier joint|file allegato|bestand bijgevoegd|"
    "dosya ekli|dosya eklendi|файл добавлен|файл додано|файл прикреплён|file terlampir|"
    "fail dilampirkan|الملف مرفق|ملف مرفق|پیوست شد|پیوستہ فائل|קובץ מצורף|"
    "फाइल अटैच कर दी गई है|फ़ाइल अटैच की गई|फाइल संलग्न|ফাইল সংযুক্ত হয়েছে|ફાઇલ જોડાયેલ|"
    "添付ファイル有り|添付ファイル|파일 첨부됨|파일 첨부|附件檔案|文件附件|檔案附件|已附加文件|"
    "plik załączony|załączony plik|soubor byl přiložen|súbor pripojený|bifogad fil|"
    "fil bifogad|fil vedhæftet|vedlagt fil|fil vedlagt|liitetiedosto|συνημμένο αρχείο|"
    "fájl csatolva|fișier atașat|tệp đính kèm|ไฟล์ที่แนบ|datoteka u privitku|"
    "priložena datoteka|прикачен файл|прикачен фајл|прикачена датотека|lêer aangeheg|"
    "pievienots fails|byla prisegta|fail lisatud|skedë e ngjitur|faili limeambatanishwa|"
    "nakalakip na file|қосымша файл|fayl biriktirildi|fayl əlavə olunub|"
    // In angle brackets before it (iOS)
    "attached|adjunto|adjunt|anexado|anexo|angehängt|anhang|pièce jointe|joint|allegato|"
    "bijgevoegd|bijlage|ekli|eklendi|прикреплено|вложение|додано|terlampir|dilampirkan|"
    "المُرفق|مرفق|المرفق|پیوست|پیوستہ|מצורף|अटैच किया गया|संलग्न केले|সংযুক্ত|જોડાયેલ|"
    "添付ファイル|添付|첨부됨|첨부|附件|załączono|załączony|přiloženo|příloha|príloha|bifogat|"
    "bifogad|vedhæftet|vedlagt|liite|επισυνάφθηκε|συνημμένο|csatolva|atașare|atașat|"
    "đính kèm|แนบ|priloženo|прикачено";

}  // namespace muster::archive
