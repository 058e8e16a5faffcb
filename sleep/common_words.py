"""English words so common that they stand in any talk, whatever it is about.

Promise: folded. `FUNCTION_WORDS` are those that say nothing of what it is about; `COMMON_WORDS` the common
words, also those that are in names ("Rose", "New").
"""

from __future__ import annotations

_WORDS = """
a able about above across after again age ago air all almost alone along already also always am an
and animal another any anybody anyone anything are area arm around art as ask at away baby back bad
bag bank be beach beautiful because bed been before began begin behind being believe best better
between big bill bird bit black blue board boat body book both bottom box boy bread break bring
brother brown building bus business but buy by call came can car card care case cat centre center
certain chair change child children church city class clear close club cold colour color come
company complete computer cook cooking cool could country couple course cousin cut dad daily dark
date daughter day days deal dear deep did different dinner do doctor does dog dogs doing done door
down drink drive during each early east easy eat eating egg eight eighteen eighty eleven else end
english enough even evening ever every everybody everyone everything eye face fact faith family far
fast father favourite favorite feel few field fifteen fifty find fine fire first fish five floor
flower food foot for forty four fourteen frank free french friday friend friends from front full fun
game garden german girl give glass go god gold good got grace grand grant great green grey gray
ground group grow gym had hair half hall hand happy hard has have he head health hear heart help her
here hers high hill him his history home hope hospital hot hotel hour house how hundred husband i
ice idea if ill in inside into is it italian its job join joy just keep key kid kids kind king
kitchen know lake land language large last late later law learn least leave left less let letter
life light like likes line list little live lives living long look lot love loves low lunch made
main make man many mark market matter may me mean meat meet men mine minute miss monday money month
moon more morning most mother mountain much mum mom music must my name near need never new news next
nice night nine nineteen ninety no nobody noon north not note nothing now number of off office often
oh old on once one only open or orange order other our out outside over own page paper parent
parents park part party past people person pet phone photo picture piece pink place plan plant play
playing please point police pool post price problem public pull purple put queen question quick
quiet quite rain read reading ready real really red rest rice rich right river road rock room rose
round run running said saint same sat saturday saw say school sea second see seem sell send sent set
seven seventeen seventy several she shop short should show side silver simple since sing sister sit
six sixteen sixty size sky sleep slow small snow so soft some somebody someone something sometimes
son song soon sort south spanish special sport spring square stand star start state station stay
still stone stop store story street strong student study stuff such summer sun sunday sure swim
swimming table take talk tall tea team tell ten than thank that the their them then there these they
thing things think third thirteen thirty this those thought thousand three through thursday time tin
to today together told tomorrow too took top town train travel travelling tree true try tuesday turn
twelve twenty two uncle under until up us use used user usual usually van very visit wait wake walk
walking wall want war warm was wash watch water way we wear weather wednesday week weekend weekends
weeks welcome well went were west what when where which while white who whole why wife will wind
window wine winter wish with woman women wonderful wood word words work working works world would
write writing wrong yard year years yellow yes yesterday yet you young your january february march
april june july august september october november december jan feb mar apr jun jul aug sep sept oct
nov dec avenue college corp corporation department inc lane limited ltd plc services university von
der den del los las san santa gmbh british american dutch greek irish japanese chinese indian polish
portuguese russian scottish swedish turkish welsh
"""
COMMON_WORDS = frozenset(_WORDS.split())
_SAYING_NOTHING = """
a am an and are as at be been but by called did do does for from got had has have he her him his i in is it
its just like me my name named new not now of on one or our out own she so some that the their them then there
they this to told too up us user very was we were what when which who will with you your
"""
FUNCTION_WORDS = frozenset(_SAYING_NOTHING.split())
